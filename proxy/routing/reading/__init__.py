"""What a turn says, read without a model: words, names, cues."""

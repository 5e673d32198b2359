"""What a conversation tree *is*: plain values and pure functions, standard library only, no I/O."""

"""What the client sent, laid beside the tree."""

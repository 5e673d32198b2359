"""DSPy programs beside the road: what reads a path and works with it, apart from answering a request."""

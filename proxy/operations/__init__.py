"""What an operator sees of a running server: log lines, figures, traces. Nothing in here knows what a request is about."""

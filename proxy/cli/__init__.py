"""The command line, `graft`."""

"""Formats in and out: a tree as a file, and a file as a tree. Knows values and bytes; no store, no HTTP."""

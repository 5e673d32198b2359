"""Graft: an OpenAI-compatible proxy that keeps every user's conversations as one growing tree."""

__version__ = "0.1.0"

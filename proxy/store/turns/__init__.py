"""A turn's way into the database and back: its transactions, and how a client's history is recognised."""

"""The story of one turn: find the client, place the turn, rebuild the context, ask, record."""

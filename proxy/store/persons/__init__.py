"""Everything of one person: what belongs to them, how they leave with all of it, and how they are given all of it."""

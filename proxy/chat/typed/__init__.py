"""What people type to Graft itself: commands, and the answer to an offer."""

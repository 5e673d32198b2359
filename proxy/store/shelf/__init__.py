"""What a user keeps beside conversations: artefacts in versions, memories, their bodies, and where each is loaded."""

"""Who is speaking: known programs, their helper requests, their names for chats and messages."""

"""What is sent: the client's own instructions, the zones, the path and the new turn, fitted to the model's window."""

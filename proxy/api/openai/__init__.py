"""OpenAI's API: chat completions and models, each with its wire types."""

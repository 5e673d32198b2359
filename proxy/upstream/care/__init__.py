"""Which server is asked when a model has several or one fails: deployments, breakers, retries and fallbacks."""

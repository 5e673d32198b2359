"""What each method does, once: generators of requests, by subject. `proxy.client.steps` says how they are run."""

"""The one door to models: which are configured, what of a request may pass, and the lanes that ask them."""

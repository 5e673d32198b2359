"""HTTP: the doors through which requests come in and answers leave."""

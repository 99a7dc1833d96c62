"""Programs that the deploy puts on the hosts; they use Python's standard library alone."""

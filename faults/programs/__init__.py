"""Programs that a fault takes to the host and runs there; each needs nothing but Python's standard library."""

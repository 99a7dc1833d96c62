"""MySQL servers in a single-primary replication group."""

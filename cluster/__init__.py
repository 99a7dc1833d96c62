"""Queries and changes a cluster, over SSH and its own APIs. Nothing here injects a fault."""

"""Faults of the cluster itself, each for one kind of database system."""

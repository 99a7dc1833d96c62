"""Faults of a host's clock."""

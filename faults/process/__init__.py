"""Faults of the processes and services on a host."""

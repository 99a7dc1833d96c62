"""Faults of an entire host: its power, its boot, its state as a virtual machine."""

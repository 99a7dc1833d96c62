"""Faults of a whole host: its power, its boot, its life as a virtual machine."""

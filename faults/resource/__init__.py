"""Faults of what a host has to share: processors, memory, disk, open files."""

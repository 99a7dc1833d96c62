"""Observers: each a process of its own that appends what it sees, and interprets nothing.

An observer is an async function of (access, write) that runs until it is cancelled.
"""

"""Observers: each a process of its own that appends samples as events, and interprets nothing.

An observer is one row (cluster/observer.py) in catalogue.py.
"""

"""Walks through a drill."""

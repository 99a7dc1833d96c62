"""Simulated users, as locust files."""

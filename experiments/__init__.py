"""Drills: load, a fault, observation, a judge that reads nothing but the recorded events, and a report."""

"""The drills, one a file, as data."""

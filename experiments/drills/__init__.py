"""The drills as data, one subject per file."""

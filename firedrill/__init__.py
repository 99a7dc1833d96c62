"""Fire drills for highly available databases: provision, break, load, judge."""

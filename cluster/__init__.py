"""How a cluster is asked and changed. Nothing here breaks anything."""

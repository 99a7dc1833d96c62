"""How a cluster is asked and changed: SSH, the coordination store, one module for each kind of cluster. Breaks nothing."""

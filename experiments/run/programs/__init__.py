"""Programs that run on a host, given to its python3 over SSH; they import nothing of ours."""

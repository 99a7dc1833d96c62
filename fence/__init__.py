"""The agent of fenced failover (docs/fencing.md). It runs on hosts: standard library of Debian's Python only."""

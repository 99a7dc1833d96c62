"""Faults of the network, by the kernel's netem or by the host's firewall."""

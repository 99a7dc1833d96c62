"""Hosts on this machine, made from an inventory: image, network, disks, and systemd containers that boot them."""

"""Local hosts of an inventory: image, network, disks, and the containers or user-mode kernels that boot from them."""

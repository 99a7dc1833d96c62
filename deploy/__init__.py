"""Deploy the cluster to its hosts: `pyinfra -y inventories/lab.py deploy/cluster.py`."""

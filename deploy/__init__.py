"""Put the cluster on its hosts: `pyinfra inventories/lab.py deploy/cluster.py`."""

"""What can keep hosts from becoming a cluster, found before anything is changed: docs/preflight.md lists all checks.

`settings.py` judges the inventory, `hosts.py` what the hosts report; `run.py` is the part of a deploy.
"""

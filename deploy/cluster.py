"""The order of a deploy: `pyinfra -y inventories/lab.py deploy/cluster.py`.

From any folder: `pyinfra INVENTORY firedrill.deploy.cluster.deploy`; one part: `firedrill.deploy.etcd.etcd`.
Only etcd must be ready before the rest is started: PostgreSQL bootstraps while the proxies and the app are set up.
"""

from firedrill.deploy.base import base
from firedrill.deploy.database import database
from firedrill.deploy.etcd import etcd
from firedrill.deploy.haproxy import answering, haproxy
from firedrill.deploy.operations.waits import milestone
from firedrill.deploy.patroni import leader, patroni, replicas
from firedrill.deploy.preflight import preflight
from firedrill.deploy.weather import serving, weather


def deploy() -> None:
    """Everything, in order."""
    preflight()

    base()
    etcd()
    milestone(name="etcd has a quorum")

    patroni()
    haproxy()
    weather()
    milestone(name="All services are started")

    leader()
    database()
    replicas()
    milestone(name="The database exists and is replicated")

    answering()
    serving()


if __name__ != "firedrill.deploy.cluster":  # pyinfra executes this file; imported, it only defines the function
    # Each operation looks up the module of every file on the stack, for each host: slow for a file that is none.
    from firedrill.deploy import cluster

    cluster.deploy()

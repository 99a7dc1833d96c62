"""The order of a deploy: `pyinfra -y inventories/lab.py deploy/cluster.py`.

From any folder: `pyinfra INVENTORY firedrill.deploy.cluster.deploy`; one part, through the same gate (preflight, lock):
`firedrill.deploy.etcd.etcd`.
What is specific to a database system is a row in systems.py. Only a coordinator (etcd) must be ready before the rest
is started: the databases bootstrap while the proxies and the app are set up.
"""

from firedrill.deploy import gate, systems
from firedrill.deploy.base import base
from firedrill.deploy.fence import fence, fencing_works
from firedrill.deploy.haproxy import answering, haproxy
from firedrill.deploy.monitoring.exporters import exporters
from firedrill.deploy.monitoring.monitor import monitor, watching
from firedrill.deploy.operations.waits import milestone
from firedrill.deploy.secrets import rotated
from firedrill.deploy.weather import serving, weather


def deploy() -> None:
    """Everything, in order."""
    gate.through()
    system = systems.current()

    base()
    system.coordinator()
    milestone(name="The coordinator has a quorum")

    system.passwords()
    system.databases()
    haproxy()
    weather()
    exporters()
    monitor()
    milestone(name="All services are started")

    system.leader()
    system.schema()
    system.replicas()
    milestone(name="The database exists and is replicated")

    answering()
    serving()
    fence()
    watching()
    milestone(name="All services answer")

    fencing_works()

    system.retire()
    rotated()


if __name__ != "firedrill.deploy.cluster":  # pyinfra executes this file; imported, it only defines the function
    # Each operation looks up the module of every file on the stack, for each host: slow for a file that is none.
    from firedrill.deploy import cluster

    cluster.deploy()

"""The order of a deploy: `pyinfra inventories/lab.py deploy/cluster.py`.

All is started before anything but etcd is waited for: PostgreSQL bootstraps while the proxies and the app are set up.
One part again: `pyinfra inventories/lab.py deploy.etcd.etcd`.
"""

from firedrill.deploy.base import base
from firedrill.deploy.database import database
from firedrill.deploy.etcd import etcd
from firedrill.deploy.haproxy import answering, haproxy
from firedrill.deploy.operations.waits import milestone
from firedrill.deploy.patroni import leader, patroni, replicas
from firedrill.deploy.preflight import preflight
from firedrill.deploy.weather import serving, weather

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
milestone(name="The database is there and replicated")

answering()
serving()

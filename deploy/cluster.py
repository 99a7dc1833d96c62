"""The order of a deploy: `pyinfra inventories/lab.py deploy/cluster.py`.

All is started before anything but etcd is waited for: PostgreSQL bootstraps while the proxies and the app are set up.
One part again: `pyinfra inventories/lab.py deploy.etcd.etcd`.
"""

from deploy.base import base
from deploy.database import database
from deploy.etcd import etcd
from deploy.haproxy import answering, haproxy
from deploy.operations.waits import milestone
from deploy.patroni import leader, patroni, replicas
from deploy.preflight import preflight
from deploy.weather import serving, weather

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

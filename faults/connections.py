"""SSH connections to the hosts of an inventory, opened together and closed together."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from firedrill.cluster import ssh
from firedrill.cluster.each import each
from firedrill.cluster.ssh import Connection
from firedrill.inventories.read import Host

Connections = dict[str, Connection | None]


@contextmanager
def connected(hosts: Iterable[Host]) -> Iterator[Connections]:
    """A connection by host name, None for a host that does not answer."""
    hosts = list(hosts)
    found: Connections = dict(zip((host.name for host in hosts), each(_try, hosts), strict=True))
    try:
        yield found
    finally:
        for connection in found.values():
            if connection:
                connection.close()


def _try(host: Host) -> Connection | None:
    if not ssh.answers(host, ssh.CONNECT_SECONDS):
        return None
    try:
        return ssh.connect(host)
    except ssh.Unreachable:
        return None

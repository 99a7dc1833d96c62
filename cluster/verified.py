"""Whether the servers of a cluster can be verified: a handshake with each, as its clients do."""

import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from firedrill.cluster import clock, tls_errors
from firedrill.cluster.each import each
from firedrill.cluster.system import Check
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.errors import Problem

WHAT, NEEDED_FOR = "certificates", "every connection with TLS"
ANSWER_S = 2.0
SOON_DAYS = 7
DAY_S = 86400
POSTGRESQL_TLS, ACCEPTED = struct.pack("!ii", 8, 80877103), b"S"
# The length, the number of the packet, CLIENT_PROTOCOL_41 | CLIENT_SSL | CLIENT_SECURE_CONNECTION, utf8mb4.
MYSQL_TLS = b"\x20\0\0\1" + struct.pack("<IIB23x", 0x8A00, 1 << 24, 45)


@dataclass(frozen=True)
class Server:
    """One server, and what a handshake with it showed: a flaw, and the days that its certificate is still valid.

    Both are None where the server did not answer: that is for others to report.
    """

    name: str
    endpoint: Endpoint
    flaw: str | None = None
    days: float | None = None


def check(access: Access) -> Check:
    """For the doctor."""
    found = look(access)
    if not found:
        return Check(WHAT, None, "the inventory has no TLS: connections are plain text", NEEDED_FOR)
    if flaws := [f"{one.name}: {one.flaw}" for one in found if one.flaw]:
        return Check(WHAT, False, "; ".join(flaws), NEEDED_FOR)
    valid = [(one.days, one.name) for one in found if one.days is not None]
    if not valid:
        return Check(WHAT, False, "no server answers", NEEDED_FOR)
    days, name = min(valid)
    soon = ": renew it" if days < SOON_DAYS else ""
    return Check(
        WHAT, True, f"{len(valid)} verified; the first to expire is {name}'s, in {days:.0f} days{soon}", NEEDED_FOR
    )


def require(access: Access) -> None:
    """Raise Problem if a server that answers cannot be verified: what its clients do not see would decide a verdict."""
    flaws = [f"{one.name}: {one.flaw}" for one in look(access) if one.flaw]
    if flaws:
        more = f" (and {len(flaws) - 1} more)" if len(flaws) > 1 else ""
        raise Problem(f"a server cannot be verified{more}: {flaws[0]}", "`experiments doctor` lists all")


def look(access: Access) -> list[Server]:
    """Every server that is to be verified, after a handshake. Raises InventoryProblem as require_files does."""
    require_files(access)
    wanted = [(name, endpoint) for name, endpoint in servers(access) if endpoint.tls]
    return each(lambda one: _shaken(*one), wanted)


def require_files(access: Access) -> None:
    """Raise InventoryProblem for a file of the clients' that cannot serve, without a connection to any host."""
    for _, endpoint in servers(access):
        endpoint.context()


def servers(access: Access) -> Iterator[tuple[str, Endpoint]]:
    """Every server of the cluster with the name of its service and host."""
    role = access.inventory.role
    for host in role("etcd"):
        yield f"etcd on {host.name}", access.etcd_of(host)
    for host in role("postgres"):
        yield f"Patroni on {host.name}", access.patroni(host)
        yield f"PostgreSQL on {host.name}", access.postgres(host)
    for host in role("mysqld"):
        yield f"MySQL on {host.name}", access.mysql(host)
    for host in role("proxy"):
        yield f"HAProxy on {host.name}", access.haproxy_stats(host)
    if known := access.monitoring:
        yield from ((f"Prometheus on {name}", endpoint) for name, endpoint in known.prometheus.items())
        yield from ((f"Alertmanager on {name}", endpoint) for name, endpoint in known.alertmanagers.items())
    if access.has_app:
        for endpoint in access.http:
            yield f"the app at {endpoint.place}", endpoint


def _shaken(name: str, endpoint: Endpoint) -> Server:
    try:
        return Server(name, endpoint, days=_handshake(endpoint))
    except (OSError, ValueError) as error:
        other_name = endpoint.tls and not endpoint.tls.by_name and tls_errors.OTHER_NAME.search(str(error))
        return Server(name, endpoint, None if other_name else _flaw(error, endpoint))


def _flaw(error: Exception, endpoint: Endpoint) -> str | None:
    """What is wrong with TLS; None where the connection failed, or ended."""
    ended = isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    other = f"TLS fails ({error})" if isinstance(error, ssl.SSLError) and not ended else None
    return tls_errors.explained(str(error), endpoint) or other


def _handshake(endpoint: Endpoint) -> float:
    """The days that the server's certificate is still valid. Raises OSError, also if it cannot be verified."""
    with socket.create_connection((endpoint.address, endpoint.port), timeout=ANSWER_S) as connection:
        if begin := BEGIN.get(endpoint.scheme):
            begin(connection)
        with endpoint.context().wrap_socket(connection, server_hostname=endpoint.address) as encrypted:
            certificate = encrypted.getpeercert() or {}
    return (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - clock.now() / clock.SECOND) / DAY_S


def _begin_postgresql(connection: socket.socket) -> None:
    connection.sendall(POSTGRESQL_TLS)
    if connection.recv(1) != ACCEPTED:
        raise ssl.SSLError("server does not support SSL")


def _begin_mysql(connection: socket.socket) -> None:
    """The server greets first, in one packet."""
    length = int.from_bytes(connection.recv(4, socket.MSG_WAITALL)[:3], "little")
    connection.recv(length, socket.MSG_WAITALL)
    connection.sendall(MYSQL_TLS)


# How TLS begins in protocols that begin in plain text.
BEGIN: dict[str, Callable[[socket.socket], None]] = {"postgresql": _begin_postgresql, "mysql": _begin_mysql}

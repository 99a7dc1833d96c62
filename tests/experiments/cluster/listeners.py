"""Which TCP ports a host may listen on, and whether each of them speaks TLS and nothing else."""

import socket
import ssl
import struct

import psycopg

from firedrill.inventories import certificates
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host
from tests.experiments.cluster.helpers import on

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
SECONDS = 5.0
# By role: the ports, by their names in the inventory, and what speaks there.
OF_ROLE = {
    "etcd": {"etcd": "tls", "etcd_peer": "tls"},
    "postgres": {"postgres": "postgres", "patroni": "tls"},
    "proxy": {"write": "postgres", "read": "postgres", "https": "tls", "haproxy_stats": "tls"},
    "app": {"weather": "tls"},
    "monitor": {},
}
# In addition where the cluster is monitored. Alertmanager's port for another one is for two monitors.
MONITORED = {
    "": {"node_exporter": "tls"},
    "postgres": {"postgres_exporter": "tls"},
    "proxy": {"haproxy_metrics": "tls"},
    "app": {"nginx_exporter": "tls"},
    "monitor": {"prometheus": "tls", "alertmanager": "tls", "blackbox_exporter": "tls"},
}


def found(ways: Access, host: Host) -> set[int]:
    """The ports that something on the host listens on."""
    return {int(line.rsplit(":", 1)[1]) for line in on(ways, host.name, "ss -Hltn | awk '{print $4}'").splitlines()}


def allowed(host: Host, *, monitored: bool = False) -> dict[int, str]:
    """What each port may speak, without SSH."""
    ports = host.data["ports"]
    found = {ports[name]: kind for role in host.roles for name, kind in OF_ROLE[role].items()}
    more = [MONITORED.get(role, {}) for role in ("", *host.roles)] if monitored else []
    return found | {ports[name]: kind for one in more for name, kind in one.items()}


def flaw(ways: Access, host: Host, port: int, kind: str) -> str | None:
    """Why a port is not protected: a client that verifies cannot connect, or one in plain text can."""
    try:
        serial(ways, host, port, kind)
    except OSError as error:
        return f"{host.name}:{port}: no verified TLS ({error})"
    plain = _plain_sql(ways, host, port) if kind == "postgres" else _plain_http(host, port)
    return f"{host.name}:{port} answers in plain text: {plain}" if plain else None


def serial(ways: Access, host: Host, port: int, kind: str) -> str:
    """The serial number of the certificate that a client sees, which verifies it. Raises OSError."""
    known = certificates.known(ways.inventory.hosts, ways.data)
    context = ssl.create_default_context(cafile=str(known.ca))
    context.load_cert_chain(str(known.controller.cert), str(known.controller.key))
    with socket.create_connection((host.address, port), SECONDS) as raw:
        if kind == "postgres":
            raw.sendall(SSL_REQUEST)
            if (answer := raw.recv(1)) != b"S":
                raise OSError(f"PostgreSQL answers {answer!r} to the request for TLS")
        with context.wrap_socket(raw, server_hostname=host.address) as connection:
            return str((connection.getpeercert() or {})["serialNumber"])


def _plain_http(host: Host, port: int) -> str | None:
    with socket.create_connection((host.address, port), SECONDS) as raw:
        raw.sendall(b"GET / HTTP/1.0\r\n\r\n")
        try:
            line = raw.recv(200).decode(errors="replace").partition("\r\n")[0]
        except ConnectionResetError:
            return None
    return line if line.startswith("HTTP/") and line.split()[1] < "400" else None


def _plain_sql(ways: Access, host: Host, port: int) -> str | None:
    arguments = ways.sql_node(host) | {"port": port, "sslmode": "disable", "sslrootcert": ""}
    try:
        psycopg.connect(**arguments).close()
    except psycopg.OperationalError:
        return None
    return "a connection of PostgreSQL"

"""A server with a certificate that is good, or not, for tests of clients; and access to it by an inventory."""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from firedrill.inventories import authority
from firedrill.inventories.access import Access
from firedrill.inventories.authority import CLIENT, SERVER, Issued
from firedrill.inventories.read import Host, Inventory, defaults
from firedrill.inventories.secrets import Secrets

ADDRESS = "127.0.0.1"
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
# How a server may not be what its clients want.
FLAWS = ("expired", "foreign", "wrong_name", "plain")
ROLES = ("etcd", "postgres", "proxy", "app")
EXPIRED = -0.5  # days; certificates begin a day before they are issued


class Files:
    """A CA, another one, and certificates of both, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ours, theirs = authority.new_ca("ours"), authority.new_ca("theirs")
        self.write("ca", ours)
        self.write("other_ca", theirs)
        self.issue("good", ours)
        self.issue("expired", ours, days=EXPIRED)
        self.issue("foreign", theirs)
        self.issue("wrong_name", ours, address="10.0.0.5")

    def issue(self, name: str, ca: Issued, days: float = 1, address: str = ADDRESS) -> None:
        wanted = authority.for_names((address,), frozenset({SERVER, CLIENT}))
        self.write(name, authority.issue(ca, name, wanted, days))

    def write(self, name: str, issued: Issued) -> None:
        (self.folder / f"{name}.crt").write_bytes(issued.cert)
        (self.folder / f"{name}.key").write_bytes(issued.key)
        (self.folder / f"{name}.key").chmod(0o600)

    def cert(self, name: str) -> str:
        return str(self.folder / f"{name}.crt")

    def key(self, name: str) -> str:
        return str(self.folder / f"{name}.key")

    def tls(self, *, client: str | None = None) -> dict[str, str]:
        """The entries of an inventory's key."""
        return {"ca": self.cert("ca")} | ({"cert": self.cert(client), "key": self.key(client)} if client else {})


@contextlib.contextmanager
def serving(files: Files, kind: str, greeting: bytes = b"") -> Iterator[int]:
    """A port that takes TLS with the certificate `kind`, or none of it ("plain"), as etcd, HTTP or PostgreSQL do.

    With a `greeting` as MySQL does: it is sent first, and a packet of 36 bytes asks for TLS.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if kind != "plain":
        context.load_cert_chain(files.cert(kind), files.key(kind))
    context.set_alpn_protocols(["h2", "http/1.1", "postgresql"])
    with socket.create_server((ADDRESS, 0)) as listening:
        threading.Thread(target=_accept, args=(listening, kind, context, greeting), daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, kind: str, context: ssl.SSLContext, greeting: bytes) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:  # the test has ended
            return
        with connection, contextlib.suppress(OSError):
            connection.settimeout(2)
            if greeting:
                connection.sendall(greeting)
                connection.recv(36, socket.MSG_WAITALL)
            _answer(connection, kind, context)


def _answer(connection: socket.socket, kind: str, context: ssl.SSLContext) -> None:
    if connection.recv(len(SSL_REQUEST), socket.MSG_PEEK) == SSL_REQUEST:
        connection.recv(len(SSL_REQUEST))
        connection.sendall(b"N" if kind == "plain" else b"S")
    if kind == "plain":
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        return
    with context.wrap_socket(connection, server_side=True) as encrypted:
        encrypted.recv(4096)


def access_to(port: int, folder: Path, roles: tuple[str, ...] = ROLES, **data: object) -> Access:
    """Access to an existing cluster of one host, all of whose services listen on one port."""
    known = defaults()
    given = {
        "foreign": True,
        "ports": dict.fromkeys(known["ports"], port),
        "credentials": {"sql": {"user": "dba", "password": "pw-7xQ"}},
    }
    host = Host("db1", ADDRESS, roles, known | given | data)
    return Access(Inventory(folder / "theirs.py", (host,)), Secrets())

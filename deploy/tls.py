"""The certificates of the current host, as files of the services that use them."""

from firedrill.deploy import topology
from firedrill.deploy.operations.files import HostFile

FOLDER = topology.TLS_FOLDER


def pair(role: str, *, owner: str = "root") -> list[HostFile]:
    """The CA, and the certificate and key of the host in a role; nothing without TLS."""
    if not topology.data()["tls"]:
        return []
    issued = topology.certificates().of(role, topology.me().name).issued
    return [
        authority(),
        HostFile(f"{FOLDER}/{role}.crt", issued.cert.decode()),
        HostFile(f"{FOLDER}/{role}.key", issued.key.decode(), mode=0o600, user=owner, group=owner),
    ]


def bundle(role: str) -> list[HostFile]:
    """The CA, and the certificate and key of the host in a role in one file; nothing without TLS."""
    if not topology.data()["tls"]:
        return []
    issued = topology.certificates().of(role, topology.me().name).issued
    return [authority(), HostFile(f"{FOLDER}/{role}.pem", (issued.cert + issued.key).decode(), mode=0o600)]


def authority() -> HostFile:
    """The CA that every client on the host trusts."""
    return HostFile(f"{FOLDER}/ca.crt", topology.certificates().ca.read_text())

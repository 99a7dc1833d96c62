"""The certificates of a cluster: those of its own small authority, kept next to the passwords, or the user's own.

    <folder of secrets_file>/ca/<cluster>/ca.crt, ca.key, <host>-<role>.crt, .key; of this machine controller-client.crt

A certificate for each host and role, so that a stolen one is good for that role alone. Loading makes what is missing,
what the authority did not issue, and what ends within `renew_days`; everything else stays as it is, byte for byte.
"""

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from firedrill.inventories import authority, fencing, private
from firedrill.inventories.authority import CLIENT, SERVER, Issued, Wanted
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import Host, monitors

# What the certificate of each role is for. A proxy's and an app host's are no client's: with a stolen one nobody
# connects to etcd or changes Patroni.
USES = {
    "etcd": frozenset({SERVER, CLIENT}),
    "postgres": frozenset({SERVER, CLIENT}),
    "mysqld": frozenset({SERVER, CLIENT}),
    "proxy": frozenset({SERVER}),
    "app": frozenset({SERVER}),
    "monitor": frozenset({SERVER, CLIENT}),
}
# Of every host of a monitored cluster.
EXPORTER = "exporter"
# Clients reach these through any proxy, and verify the name that they connected to.
BEHIND_PROXIES = ("postgres", "mysqld", "proxy")
CONTROLLER = "controller"
LOCAL = ("localhost", "127.0.0.1")
# A name that only the certificates of etcd members have: the others take nobody else for a member.
MEMBER = "member.etcd.firedrill"
# etcd takes the common name of a client's certificate for a user's, who then needs no password.
ETCD_USERS = re.compile(r"root|firedrill|patroni(-[0-9a-f]{8})?|fence(-witness|-proxy)?")
OTHERS = 0o077


@dataclass(frozen=True)
class Pair:
    """The files of a certificate and its key on this machine."""

    cert: Path
    key: Path

    @property
    def issued(self) -> Issued:
        """Their content. Raises OSError."""
        return Issued(self.cert.read_bytes(), self.key.read_bytes())


@dataclass(frozen=True)
class Certificates:
    """The files of a cluster's certificates on this machine."""

    ca: Path
    cert_pattern: str
    key_pattern: str

    def of(self, role: str, host_name: str) -> Pair:
        """The certificate of a host in one of its roles."""
        return self._pair(host_name, role)

    @property
    def controller(self) -> Pair:
        """The certificate of this machine's own clients."""
        return self._pair(CONTROLLER, "client")

    def _pair(self, host: str, role: str) -> Pair:
        cert, key = (pattern.format(host=host, role=role) for pattern in (self.cert_pattern, self.key_pattern))
        return Pair(Path(cert).expanduser(), Path(key).expanduser())


def known(hosts: Sequence[Host], data: dict[str, Any]) -> Certificates:
    """Where the certificates of a cluster are; none is made."""
    if own := data["certificates"]:
        return Certificates(Path(own["ca"]).expanduser(), own["cert"], own["key"])
    return _in(_folder(data))


def _in(folder: Path) -> Certificates:
    pattern = str(folder).replace("{", "{{").replace("}", "}}") + "/{host}-{role}"
    return Certificates(folder / "ca.crt", f"{pattern}.crt", f"{pattern}.key")


def load(hosts: Sequence[Host], data: dict[str, Any], *, keep: bool = True) -> Certificates:
    """The certificates of a cluster; those that are missing or no longer good are made first.

    With `keep` false they are made in a temporary folder, which goes when this process ends. Of the user's own none is
    made: one that is not good is refused. Nor is one issued with a key that others could read or replace. Raises
    Problem, OSError.
    """
    found = known(hosts, data)
    if data["certificates"]:
        _refuse_flawed(found, hosts)
        return found
    days, left = data["certificate_days"], data["renew_days"]
    if left >= days:
        raise InventoryProblem(
            f"certificates are valid for {days} days and renewed {left} days before their end",
            "make renew_days smaller than certificate_days",
        )
    for key in sorted(found.ca.parent.glob("*.key")):
        private.check(key, key.lstat())
    if not _all_good(found, hosts, left):
        if not keep:
            return _planned(found.ca.parent, hosts, data)
        folder = found.ca.parent
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _make_missing(found, hosts, data)
    return found


_temporary: list[tempfile.TemporaryDirectory[str]] = []


def _planned(folder: Path, hosts: Sequence[Host], data: dict[str, Any]) -> Certificates:
    """Links to what a folder has, and what is missing there: no key is copied, and nothing is written there."""
    _temporary.append(tempfile.TemporaryDirectory(prefix="firedrill-"))
    other = Path(_temporary[-1].name)
    for file in [*folder.glob("*.crt"), *folder.glob("*.key")]:
        (other / file.name).symlink_to(file.absolute())
    try:
        _make_missing(_in(other), hosts, data)
    except InventoryProblem as problem:
        cause, remedy = (text.replace(str(other), str(folder)) for text in (problem.cause, problem.remedy))
        raise InventoryProblem(cause, remedy) from None
    return _in(other)


def members_are_named(found: Certificates, hosts: Sequence[Host]) -> bool:
    """Whether the certificates of etcd, and no other ones, have the name of a member: etcd can then tell them apart."""
    named = {name: MEMBER in authority.names_of(_first(pair)) for name, pair, _ in _pairs(found, hosts)}
    return all(has == name.startswith("etcd ") for name, has in named.items())


def _first(pair: Pair) -> x509.Certificate:
    return authority.certificates(pair.cert.read_bytes())[0]


def wanted(hosts: Sequence[Host]) -> Iterator[tuple[str, str, Wanted]]:
    """Host, role and purpose of every certificate, without the controller's."""
    proxies = [name for host in hosts if "proxy" in host.roles for name in (host.name, host.address)]
    front = [*proxies, *{host.data["vip"] for host in hosts if host.data.get("vip")}]
    own = not any(host.data["certificates"] for host in hosts)
    more = dict.fromkeys(BEHIND_PROXIES, front) | ({"etcd": [MEMBER]} if own else {})
    watched = monitors(hosts)
    for host in hosts:
        for role in host.roles:
            if role in USES and (role != "monitor" or host in watched):
                names = {host.name, host.address, *LOCAL, *more.get(role, ())}
                yield host.name, role, authority.for_names(names, USES[role])
        if fencing.enabled(hosts) and fencing.parts(host):
            yield host.name, fencing.CERTIFICATE, authority.for_names((), frozenset({CLIENT}))
        if watched:
            yield host.name, EXPORTER, authority.for_names({host.name, host.address, *LOCAL}, frozenset({SERVER}))


def _folder(data: dict[str, Any]) -> Path:
    return Path(data["secrets_file"]).expanduser().parent / "ca" / data["cluster"]


def _pairs(found: Certificates, hosts: Sequence[Host]) -> Iterator[tuple[str, Pair, Wanted]]:
    """What each certificate is called, its files and its purpose."""
    yield CONTROLLER, found.controller, authority.for_names((), frozenset({CLIENT}))
    for host, role, purpose in wanted(hosts):
        yield f"{role} {host}", found.of(role, host), purpose


# -- our own authority ---------------------------------------------------------------------------------------


def _all_good(found: Certificates, hosts: Sequence[Host], left: int) -> bool:
    try:
        ca = found.ca.read_bytes()
        return not _ca_flaw(ca, left) and all(
            _good(pair, ca, purpose, left) for _, pair, purpose in _pairs(found, hosts)
        )
    except OSError:
        return False


def _good(pair: Pair, ca: bytes, purpose: Wanted, left: int) -> bool:
    try:
        issued = pair.issued
    except FileNotFoundError:
        return False
    if authority.flaw(issued, ca, purpose, left):
        return False
    return authority.exact(authority.certificates(issued.cert)[0], purpose)


def _ca_flaw(ca: bytes, left: int) -> str | None:
    try:
        cert = authority.certificates(ca)[0]
        return authority.ends(cert, left) if authority.is_ca(cert) else "it is the certificate of no CA"
    except ValueError as error:
        return f"it cannot be read ({error})"


def _make_missing(found: Certificates, hosts: Sequence[Host], data: dict[str, Any]) -> None:
    ca = _authority(found.ca, data["cluster"], data["renew_days"])
    for unit, pair, purpose in _pairs(found, hosts):
        if not _good(pair, ca.cert, purpose, data["renew_days"]):
            made = authority.issue(ca, unit.split()[0], purpose, data["certificate_days"])
            _write(pair.key, made.key)
            _write(pair.cert, made.cert)


def _authority(cert: Path, cluster: str, left: int) -> Issued:
    """The authority, made if there is none; near its end it gets a new certificate for the same key."""
    key = cert.with_suffix(".key")
    if not cert.exists() and not key.exists():
        made = authority.new_ca(cluster)
        _write(key, made.key)
        _write(cert, made.cert)
        return made
    if not key.exists():
        raise InventoryProblem(
            f"the CA's key {key} is missing, and a certificate must be issued",
            f"restore it from a backup, or, for a new CA, stop etcd on its hosts, delete {cert.parent} and deploy",
        )
    ca = Issued(cert.read_bytes() if cert.exists() else b"", key.read_bytes())
    if not cert.exists() or _ca_flaw(ca.cert, left):
        ca = _renewed(ca, cluster, key)
        _write(cert, ca.cert)
    _refuse_foreign(ca, cert, key)
    return ca


def _renewed(ca: Issued, cluster: str, key: Path) -> Issued:
    try:
        return authority.new_ca(cluster, ca.key)
    except authority.UNREADABLE as error:
        raise InventoryProblem(
            f"the CA's key {key} cannot be read ({error})",
            f"restore it from a backup, or, for a new CA, stop etcd on its hosts, delete {key.parent} and deploy",
        ) from None


def _refuse_foreign(ca: Issued, cert: Path, key: Path) -> None:
    try:
        belongs = authority.matches(authority.certificates(ca.cert)[0], ca.key)
    except authority.UNREADABLE:
        belongs = False
    if not belongs:
        raise InventoryProblem(
            f"{key} is not the key of the CA {cert}",
            f"restore both from a backup, or, for a new CA, stop etcd on its hosts, delete {cert.parent} and deploy",
        )


def _write(path: Path, content: bytes) -> None:
    """Complete or not at all, and readable by its owner alone."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)


# -- the user's own ------------------------------------------------------------------------------------------


def _refuse_flawed(found: Certificates, hosts: Sequence[Host]) -> None:
    try:
        ca = found.ca.read_bytes()
        if flaw := _ca_flaw(ca, 0):
            raise InventoryProblem(f"the CA {found.ca} cannot be used: {flaw}", "name another in `certificates`")
        for name, pair, purpose in _pairs(found, hosts):
            _refuse_open(pair.key)
            if flaw := authority.flaw(pair.issued, ca, purpose, 0):
                raise InventoryProblem(
                    f"the certificate {pair.cert} of {name} cannot be used: {flaw}",
                    f"replace it and its key {pair.key}; the CA is {found.ca}",
                )
            _refuse_user(pair.cert, name)
    except OSError as error:
        raise InventoryProblem(
            f"{error.filename}: {error.strerror}", "the key `certificates` of the inventory names this file"
        ) from None


def _refuse_user(file: Path, name: str) -> None:
    common = authority.common_name_of_client(authority.certificates(file.read_bytes())[0])
    if common and ETCD_USERS.fullmatch(common):
        raise InventoryProblem(
            f"the certificate {file} of {name} has the common name {common!r}, with which it is this user of etcd",
            "issue it again without a common name",
        )


def _refuse_open(key: Path) -> None:
    if key.stat().st_mode & OTHERS:
        raise InventoryProblem(f"others can read the key {key}", f"chmod 600 {key}")

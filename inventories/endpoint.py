"""How a client reaches one server: where it is, how it is verified, what the client shows of itself.

There is no way not to verify: a server is plain text (`tls` is None), or certificate and host name are checked.
"""

import os
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from cryptography import x509

from firedrill.inventories.errors import InventoryProblem

HTTP = "http"  # the kind of client that writes its protocol into its context (ALPN)
SYSTEM = "system"  # as a CA: those that the operating system trusts
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
REMEDY = "restore the file, or name another"


@dataclass(frozen=True)
class Tls:
    """How a client verifies a server, and the certificate that it shows: files of PEM.

    `source` says in messages where the names come from: `etcd_tls in mine.py`. `by_name`: whether the client compares
    the host name with the certificate, as all do but libpq with `verify-ca`.
    """

    source: str
    ca: str = SYSTEM
    cert: str | None = None
    key: str | None = None
    by_name: bool = True

    @classmethod
    def of(cls, source: str, entries: dict[str, str], *, by_name: bool = True) -> Self:
        """From the entries of an inventory key. Raises InventoryProblem."""
        found = {name: file if file == SYSTEM else str(Path(file).expanduser()) for name, file in entries.items()}
        if ("cert" in found) != ("key" in found):
            raise InventoryProblem(f"{source} has only one of cert and key", "name both, or none")
        return cls(source, **found, by_name=by_name)

    @property
    def ca_file(self) -> str:
        """The file of the CA. Raises InventoryProblem if the system has none."""
        return _bundle(self.source) if self.ca == SYSTEM else self.ca

    def context(self, client: str = "") -> ssl.SSLContext:
        """A context that verifies certificate and host name. Raises InventoryProblem for a file that cannot serve.

        HTTP clients have one of their own (HTTP): they write their protocol into it, which PostgreSQL 17 refuses.
        """
        files = (self.ca_file, self.cert, self.key)
        return _context(self, client, tuple(_changed(self.source, file) for file in files if file))


@dataclass(frozen=True)
class Endpoint:
    """One server for one kind of client. The password is not in its repr."""

    url: str
    tls: Tls | None = None
    auth: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def scheme(self) -> str:
        return urlsplit(self.url).scheme

    @property
    def address(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    @property
    def place(self) -> str:
        return urlsplit(self.url).netloc

    def context(self, client: str = "") -> ssl.SSLContext:
        """What a client verifies with; one of HTTP may be sent elsewhere, so also where the server is plain text."""
        return (self.tls or PLAIN).context(client)

    @property
    def httpx(self) -> dict[str, Any]:
        """httpx's arguments in addition to the URL. Raises InventoryProblem for a file that cannot serve."""
        return {"verify": self.context(HTTP), "auth": self.auth}


class SqlArguments(dict[str, Any]):
    """A database client's arguments, without the password in their repr."""

    def __repr__(self) -> str:
        return f"SqlArguments({ {name: value for name, value in self.items() if name != 'password'} })"

    def __or__(self, other: Any) -> "SqlArguments":  # type: ignore[override]
        return SqlArguments({**self, **other})


def url(scheme: str, address: str, port: int, path: str = "") -> str:
    """A URL; an IPv6 address is put in brackets."""
    return f"{scheme}://{f'[{address}]' if ':' in address else address}:{port}{path}"


PLAIN = Tls("this system")


def _bundle(source: str) -> str:
    """The system's own CAs in one file: OpenSSL's, or where distributions have it."""
    known = (ssl.get_default_verify_paths().cafile, *BUNDLES)
    found = next((file for file in known if file and os.path.isfile(file)), None)
    if found is None:
        raise InventoryProblem(
            f"{source}: this system has no certificate authorities",
            "install the package ca-certificates, or name the file of your CA",
        )
    return found


def _changed(source: str, file: str) -> int:
    """When a file was changed last, so that a renewed one is read anew."""
    try:
        return os.stat(file).st_mtime_ns
    except OSError as error:
        raise _unreadable(source, file, error) from None


def _unreadable(source: str, file: str, error: OSError) -> InventoryProblem:
    return InventoryProblem(f"{source}: {file} cannot be read ({error.strerror})", REMEDY)


@lru_cache(maxsize=32)
def _context(tls: Tls, client: str, changed: tuple[int, ...]) -> ssl.SSLContext:
    ca, cert, key = tls.ca_file, tls.cert, tls.key
    if tls.ca != SYSTEM:
        _refuse_unusable(tls.source, ca)
    context = ssl.create_default_context(cafile=ca)
    # Python 3.13 and later refuse by default what etcd, Patroni and libpq accept of a home-made CA.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if cert and key:
        _refuse_unusable(tls.source, cert)
        _load_pair(context, tls.source, cert, key)
    return context


def _refuse_unusable(source: str, file: str) -> None:
    """Refuse a file without certificates, or with one that has expired. Raises InventoryProblem."""
    try:
        certificates = x509.load_pem_x509_certificates(_read(source, file))
    except ValueError:
        raise InventoryProblem(f"{source}: {file} holds no certificate (PEM)", REMEDY) from None
    end = max(certificate.not_valid_after_utc for certificate in certificates)
    if end < datetime.now(UTC):
        raise InventoryProblem(f"{source}: the certificate in {file} expired on {end:%Y-%m-%d}", "renew it")


def _load_pair(context: ssl.SSLContext, source: str, cert: str, key: str) -> None:
    if b"ENCRYPTED" in _read(source, key):
        raise InventoryProblem(f"{source}: the key {key} is encrypted", "name a file with the key in plain, mode 0600")
    try:
        context.load_cert_chain(cert, key)
    except ssl.SSLError as error:
        raise InventoryProblem(
            f"{source}: {key} is not the key of the certificate {cert} ({error.reason or 'not a key'})",
            "name the files of one pair",
        ) from None


def _read(source: str, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise _unreadable(source, file, error) from None

"""Why a client and a server do not agree on TLS, in one sentence with the remedy, whichever library reports it.

OpenSSL (Python, libpq), BoringSSL (gRPC) and libpq itself use their own words.
"""

import re
from typing import NamedTuple

from firedrill.inventories.endpoint import Endpoint, Tls

# A server that knows the client, and does not let it in.
DENIED = re.compile(
    r"password authentication failed|Access denied for user|no pg_hba.conf entry"
    r"|authentication failed, invalid user ID or password|etcdserver: (permission denied|user name is empty)"
    r"|\b(401 Unauthorized|403 Forbidden)\b"
)


class KeptOut(Exception):
    """The client could not verify the server, or was not let in: it has observed nothing of it."""


class Flaw(NamedTuple):
    """What a library writes, what it means, what to do; {address} and {ca} are filled in."""

    pattern: re.Pattern[str]
    cause: str
    remedy: str


def _flaw(pattern: str, cause: str, remedy: str) -> Flaw:
    return Flaw(re.compile(pattern, re.I), cause, remedy)


OTHER_NAME = re.compile(r"(IP address|Hostname) mismatch|does not match host name|Hostname Verification Check failed")
FLAWS = (
    _flaw("certificate has expired", "the certificate of {address} has expired", "renew it"),
    _flaw(
        "certificate is not yet valid",
        "the certificate of {address} is not valid yet",
        "check the clock of this machine",
    ),
    _flaw(
        OTHER_NAME.pattern,
        "the certificate has no SAN for {address}",
        "issue it with this address, or name the host in the inventory as its certificate does",
    ),
    _flaw(
        "unable to get (local )?issuer|self.signed certificate|unable to verify the first certificate",
        "the certificate of {address} is not from the CA {ca}",
        "name the CA that issued it",
    ),
    _flaw(
        "certificate verify failed",  # libpq does not tell more
        "the certificate of {address} cannot be verified with the CA {ca}",
        "it has expired or is from another CA: `openssl s_client -showcerts -CAfile {ca}` tells which",
    ),
    _flaw(
        "wrong.version.number|server does not support SSL|record layer failure|packet length too long",
        "{address} answers without TLS",
        "enable TLS there, or remove TLS from the inventory",
    ),
    _flaw(
        "certificate.required|requires a valid client certificate",
        "{address} asks for a client certificate",
        "name `cert` and `key`",
    ),
    _flaw(
        "alert (unknown ca|bad certificate|certificate unknown|certificate expired|unsupported certificate)",
        "{address} refuses the client certificate",
        "name a valid one of its CA",
    ),
    _flaw("no pg_hba.conf entry .*no encryption", "{address} accepts no connection without TLS", "set `sslrootcert`"),
)


def explained(text: str, endpoint: Endpoint) -> str | None:
    """Cause and remedy of an error in one line; None if it is not about TLS."""
    return of_server(text, endpoint.address, endpoint.tls)


def of_server(text: str, address: str, tls: Tls | None) -> str | None:
    """The same for a server that is known by its address."""
    for flaw in FLAWS:
        if flaw.pattern.search(text):
            known = {"address": address, "ca": tls.ca if tls else "of the system"}
            return f"{flaw.cause}: {flaw.remedy}".format(**known)
    return None


def kept_out(error: Exception) -> bool:
    """Whether the client could not verify the server, or was not let in: it has then observed nothing of it."""
    return keeps_out(str(error))


def keeps_out(text: str) -> bool:
    """The same for the text of an error, not yet explained."""
    return bool(DENIED.search(text)) or any(flaw.pattern.search(text) for flaw in FLAWS)


def cause(error: Exception, endpoint: Endpoint) -> str:
    """Why an HTTP request failed, in one line."""
    text = str(error)
    return explained(text, endpoint) or (text.splitlines()[0] if text.strip() else type(error).__name__)


def observed(error: Exception, endpoint: Endpoint) -> str:
    """What a failed HTTP request shows of the server, in one line. Raises KeptOut where it shows nothing of it."""
    if kept_out(error):
        raise KeptOut(cause(error, endpoint)) from None
    return cause(error, endpoint)

"""Whether proxies and app hosts serve, whatever the database."""

import socket
from collections.abc import Callable

import httpx

from firedrill.cluster import tls_errors
from firedrill.cluster.dialect import Dialect
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

ANSWER_S = 3.0
# Of each service: why it does not serve; None if it does. `decides`: with the rest of the cluster.
Ask = Callable[[Access, Host, bool], str | None]


def proxy(dialect: Dialect) -> Ask:
    """The question to a proxy: whether its write port accepts connections; or leads to the primary."""

    def ask(access: Access, host: Host, decides: bool) -> str | None:
        if decides:
            return dialect.write_route_error(access, host.address)
        try:
            with socket.create_connection((host.address, host.data["ports"]["write"]), timeout=ANSWER_S):
                return None
        except OSError as error:
            return f"its write port accepts no connection ({error})"

    return ask


def app(access: Access, host: Host, decides: bool) -> str | None:
    """It answers; whether its database does is another question."""
    endpoint = access.app(host)
    try:
        httpx.get(f"{endpoint.url}/healthz", timeout=ANSWER_S, **endpoint.httpx).raise_for_status()
    except httpx.HTTPError as error:
        return f"no answer ({tls_errors.cause(error, endpoint)})"
    return None

"""Where the members themselves say that they are reached, which may be another network than the inventory's."""

from collections.abc import Iterable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import httpx

from firedrill.cluster import etcd, names
from firedrill.cluster.each import each
from firedrill.cluster.patroni import answers, coordinator
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.read import Host

DEADLINE_S = 1.0
Pair = tuple[str, str]  # a host's inventory name, and an address or a DNS name of it


def endpoints(access: Access) -> dict[str, list[str]]:
    """Addresses and DNS names by inventory name, from Patroni's conn_url and api_url and from etcd's URLs."""
    patroni = [partial(_of_patroni, host, access) for host in access.inventory.role("postgres")]
    coordinators = [partial(_of_etcd, endpoint, access) for endpoint in access.etcd]
    return _by_host(pair for pairs in each(lambda ask: ask(), [*patroni, *coordinators]) for pair in pairs)


def _by_host(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for name, address in pairs:
        found.setdefault(name, {})[address] = None
    return {name: list(addresses) for name, addresses in found.items()}


def _of_patroni(host: Host, access: Access) -> list[Pair]:
    """What one node reports of all members; nothing if it does not answer."""
    try:
        patroni = access.patroni(host)
        answer = httpx.get(f"{patroni.url}/cluster", timeout=DEADLINE_S, **patroni.httpx)
        return [pair for row in answers.json_object(answer)["members"] for pair in _member(row, access)]
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _member(row: dict[str, Any], access: Access) -> list[Pair]:
    found = [row.get("host"), urlsplit(str(row.get("api_url", ""))).hostname]
    return [(names.host_of(access, row["name"]), str(one)) for one in found if one]


def _of_etcd(endpoint: Endpoint, access: Access) -> list[Pair]:
    """What one member reports of all; nothing if it does not answer."""
    try:
        with etcd.client(endpoint, DEADLINE_S) as client:
            return [
                (coordinator.host_name(member, access), one)
                for member in client.members
                for url in (*member.client_urls, *member.peer_urls)
                if (one := urlsplit(url).hostname)
            ]
    except (*etcd.ERRORS, ValueError):
        return []

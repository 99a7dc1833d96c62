"""The observer `proxy`: the status that each proxy reports for its servers, every 200 ms."""

import asyncio
import csv
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from firedrill.cluster import names, tls_errors
from firedrill.cluster.observer import UNOBSERVED, Event, Observer, Write
from firedrill.cluster.on_change import on_change
from firedrill.cluster.tls_errors import KeptOut
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.read import Host

INTERVAL_S = 0.2
TIMEOUT_S = 1.0
DEADLINE_S = 2.0  # of a whole answer: each part of it has TIMEOUT_S
UNREACHABLE = dict.fromkeys(("purpose", "backend", "server", "status", "check"))
# What a backend is for; `haproxy_backends` of the inventory maps these names to the proxy's own.
PURPOSES = {"postgres_write": "write", "postgres_read": "read", "weather": "app"}
TOTALS = ("FRONTEND", "BACKEND")
COLUMNS = ("pxname", "svname", "status")


def proxies(access: Access) -> tuple[Host, ...]:
    return access.inventory.role("proxy")


async def observe(access: Access, write: Write) -> None:
    """Ask every proxy until cancelled."""
    async with asyncio.TaskGroup() as group:
        for host in proxies(access):
            group.create_task(_proxy(access, host, write))


async def _proxy(access: Access, host: Host, write: Write) -> None:
    records: dict[tuple[str | None, str | None], Callable[[dict[str, Any]], None]] = {}
    statistics = access.haproxy_stats(host)
    async with httpx.AsyncClient(timeout=TIMEOUT_S, **statistics.httpx) as client:
        while True:
            try:
                states = await _ask(access, host, statistics, client)
            except KeptOut as error:
                write(UNOBSERVED, host=host.name, error=str(error))
                states = []
            for state in states:
                key = (state["backend"], state["server"])
                if key not in records:
                    records[key] = on_change(lambda state: write("server", host=host.name, **state))
                records[key](state)
            await asyncio.sleep(INTERVAL_S)


async def _ask(access: Access, host: Host, statistics: Endpoint, client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """The state of each server. Raises KeptOut."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            response = await client.get(statistics.url)
        response.raise_for_status()
        return servers(response.text, access, host)
    except TimeoutError:
        error: Exception = ValueError(f"no complete answer within {DEADLINE_S:g} s")
    except (httpx.HTTPError, ValueError) as problem:
        error = problem
    return [UNREACHABLE | {"reachable": False, "error": tls_errors.observed(error, statistics)}]


def servers(statistics: str, access: Access, host: Host) -> list[dict[str, Any]]:
    """The servers in a proxy's statistics (CSV), by inventory names. Raises ValueError for any other text."""
    backends = {theirs: ours for ours, theirs in host.data["haproxy_backends"].items()}
    return [
        {
            "reachable": True,
            "purpose": PURPOSES.get(backends.get(row["pxname"], row["pxname"])),
            "backend": row["pxname"],
            "server": names.server_of(access, row["svname"], row.get("addr") or ""),
            "status": row["status"],
            "check": row.get("check_status") or None,
            "error": None,
        }
        for row in _rows(statistics)
        if row["svname"] not in TOTALS
    ]


def _rows(statistics: str) -> list[dict[str, str]]:
    try:
        rows = list(csv.DictReader(statistics.removeprefix("# ").splitlines(), restkey="more", restval=""))
    except csv.Error as error:
        raise ValueError(f"not HAProxy's statistics ({error})") from None
    if not rows or not all(name in rows[0] for name in COLUMNS):
        raise ValueError(f"not HAProxy's statistics: wanted the columns {', '.join(COLUMNS)}")
    return rows


def found(access: Access, events: Sequence[Event]) -> tuple[bool, str]:
    """Every proxy must report the backend for writes."""
    shown = [_found(host, [event for event in events if event["host"] == host.name]) for host in proxies(access)]
    text = "; ".join(text for _, text in shown)
    if unlisted := _unlisted(access, events):
        text += f"; not in the inventory, or not known by these names: {', '.join(unlisted)}"
    return all(works for works, _ in shown), text


def _unlisted(access: Access, events: Sequence[Event]) -> list[str]:
    """Servers for writes that are no host of the inventory, as far as their names and addresses tell."""
    hosts = {host.name for host in access.inventory.hosts}
    return sorted({str(event["server"]) for event in events if event["purpose"] == "write"} - hosts)


def _found(host: Host, events: Sequence[Event]) -> tuple[bool, str]:
    name, writes = host.name, [event for event in events if event["purpose"] == "write"]
    if not writes:
        return False, f"{name}: {_no_writes(host, events)}"
    up = sorted({event["server"] for event in writes if str(event["status"]).startswith("UP")})
    return True, f"{name} sends writes to {', '.join(up) or 'nobody'}"


def _no_writes(host: Host, events: Sequence[Event]) -> str:
    """Why no server for writes was seen."""
    if not events:
        return "no sample"
    if error := next((event["error"] for event in events if event["error"]), None):
        return str(error)
    wanted = host.data["haproxy_backends"]["postgres_write"]
    there = ", ".join(sorted({str(event["backend"]) for event in events}))
    return f"no backend {wanted!r}, it has {there}: name it in `haproxy_backends`"


OBSERVER = Observer(
    name="proxy",
    interval_ms=1000,
    hosts=proxies,
    observe=observe,
    needed_for='where writes were sent; to do without it: `unobserved = ["proxy"]`',
    found=found,
    may_be_left_out=True,
)

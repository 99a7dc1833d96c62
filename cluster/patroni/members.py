"""The observer `members`: what each node's Patroni reports about itself, every 250 ms."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx

from firedrill.cluster.observer import Event, Observer, Write
from firedrill.cluster.on_change import on_change
from firedrill.cluster.patroni import rest
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

INTERVAL_S = 0.25
TIMEOUT_S = 1.0
UNREACHABLE = dict.fromkeys(("role", "state", "epoch", "lag", "pending_restart"))


def databases(access: Access) -> tuple[Host, ...]:
    return access.inventory.role("postgres")


async def observe(access: Access, write: Write) -> None:
    """Ask every node until cancelled."""
    async with httpx.AsyncClient(timeout=TIMEOUT_S, **access.patroni_options) as client, asyncio.TaskGroup() as group:
        for host in databases(access):
            group.create_task(_node(access, host, client, write))


async def _node(access: Access, host: Host, client: httpx.AsyncClient, write: Write) -> None:
    record = on_change(lambda state: write("member", host=host.name, **state))
    while True:
        record(await _ask(f"{access.patroni_url(host)}/patroni", client))
        await asyncio.sleep(INTERVAL_S)


async def _ask(url: str, client: httpx.AsyncClient) -> dict[str, Any]:
    try:
        return _state((await client.get(url)).json())
    except (httpx.HTTPError, ValueError) as error:
        return UNREACHABLE | {"reachable": False, "error": str(error) or type(error).__name__}


def _state(status: dict[str, Any]) -> dict[str, Any]:
    return {
        "reachable": True,
        "role": rest.role(status.get("role"), status.get("state")),
        "state": status.get("state"),
        "epoch": status.get("timeline"),
        "lag": _lag(status.get("xlog", {})),
        "pending_restart": status.get("pending_restart", False),
        "error": None,
    }


def _lag(xlog: dict[str, Any]) -> int | None:
    """Bytes received and not yet replayed; a node does not know how far it is behind the leader."""
    if "received_location" in xlog and "replayed_location" in xlog:
        return max(0, int(xlog["received_location"]) - int(xlog["replayed_location"]))
    return None


def found(access: Access, events: Sequence[Event]) -> tuple[bool, str]:
    """Every node must be reachable."""
    last = {event["host"]: event for event in events}
    nothing = {"reachable": False, "error": "no sample"}
    states = {host.name: last.get(host.name, nothing) for host in databases(access)}
    text = "; ".join(f"{name} {state['role' if state['reachable'] else 'error']}" for name, state in states.items())
    return all(state["reachable"] for state in states.values()), text


OBSERVER = Observer(
    name="members",
    interval_ms=1000,
    hosts=databases,
    observe=observe,
    needed_for="who was primary when: every verdict",
    found=found,
)

"""What each node's Patroni says of itself, every 250 ms."""

import asyncio
from typing import Any

import httpx

from firedrill.cluster.on_change import on_change
from firedrill.experiments.observe.writer import Writer
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

INTERVAL_S = 0.25
TIMEOUT_S = 1.0


async def observe(access: Access, write: Writer) -> None:
    """Ask every node until cancelled."""
    async with httpx.AsyncClient(timeout=TIMEOUT_S, **access.patroni_options) as client, asyncio.TaskGroup() as group:
        for host in access.inventory.role("postgres"):
            group.create_task(_node(access, host, client, write))


async def _node(access: Access, host: Host, client: httpx.AsyncClient, write: Writer) -> None:
    say = on_change(lambda state: write("member", host=host.name, **state))
    while True:
        say(await _ask(f"{access.patroni_url(host)}/patroni", client))
        await asyncio.sleep(INTERVAL_S)


async def _ask(url: str, client: httpx.AsyncClient) -> dict[str, Any]:
    state: dict[str, Any] = dict.fromkeys(("role", "state", "timeline", "lag", "pending_restart", "error"))
    try:
        answer = (await client.get(url)).json()
    except (httpx.HTTPError, ValueError) as error:
        return state | {"reachable": False, "error": str(error) or type(error).__name__}
    return state | {
        "reachable": True,
        "role": answer.get("role"),
        "state": answer.get("state"),
        "timeline": answer.get("timeline"),
        "lag": _lag(answer.get("xlog", {})),
        "pending_restart": answer.get("pending_restart", False),
    }


def _lag(xlog: dict[str, Any]) -> int | None:
    """Bytes received and not yet replayed; how far the node is behind the leader it cannot know."""
    if "received_location" in xlog and "replayed_location" in xlog:
        return max(0, xlog["received_location"] - xlog["replayed_location"])
    return None

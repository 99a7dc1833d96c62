"""What each proxy thinks of its servers, every 200 ms."""

import asyncio
import csv
from collections.abc import Callable
from typing import Any

import httpx

from firedrill.cluster.on_change import on_change
from firedrill.experiments.observe.writer import Writer
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

INTERVAL_S = 0.2
TIMEOUT_S = 1.0
NOTHING = dict.fromkeys(("backend", "server", "status", "check", "error"))


async def observe(access: Access, write: Writer) -> None:
    """Ask every proxy until cancelled."""
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as client, asyncio.TaskGroup() as group:
        for host in access.inventory.role("proxy"):
            group.create_task(_proxy(access, host, client, write))


async def _proxy(access: Access, host: Host, client: httpx.AsyncClient, write: Writer) -> None:
    say: dict[tuple, Callable] = {}
    while True:
        for state in await _ask(access, host, client):
            key = (state["backend"], state["server"])
            if key not in say:
                say[key] = on_change(lambda state: write("server", host=host.name, **state))
            say[key](state)
        await asyncio.sleep(INTERVAL_S)


async def _ask(access: Access, host: Host, client: httpx.AsyncClient) -> list[dict[str, Any]]:
    try:
        answer = await client.get(access.haproxy_csv_url(host), auth=access.credential("haproxy_stats"))
        answer.raise_for_status()
    except httpx.HTTPError as error:
        return [NOTHING | {"reachable": False, "error": str(error) or type(error).__name__}]
    ours = {theirs: name for name, theirs in host.data["haproxy_backends"].items()}
    hosts = {one.address: one.name for one in access.inventory.hosts}
    rows = csv.DictReader(answer.text.removeprefix("# ").splitlines())
    return [
        {
            "reachable": True,
            "backend": ours.get(row["pxname"], row["pxname"]),
            "server": hosts.get((row.get("addr") or "").rsplit(":", 1)[0], row["svname"]),
            "status": row["status"],
            "check": row.get("check_status") or None,
            "error": None,
        }
        for row in rows
        if row["svname"] not in ("FRONTEND", "BACKEND")
    ]

"""The observer `members`: what each node's Patroni reports about itself, every 250 ms."""

import asyncio
from typing import Any

import httpx

from firedrill.cluster import observer, tls_errors
from firedrill.cluster.observer import UNOBSERVED, Write
from firedrill.cluster.on_change import on_change
from firedrill.cluster.patroni import answers, rest
from firedrill.cluster.tls_errors import KeptOut
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.read import Host

INTERVAL_S = 0.25
TIMEOUT_S = 1.0
DEADLINE_S = 2.0  # of a whole answer: each part of it has TIMEOUT_S
UNREACHABLE = dict.fromkeys(("role", "state", "epoch", "lag", "pending_restart"))


async def observe(access: Access, write: Write) -> None:
    """Ask every node until cancelled."""
    async with asyncio.TaskGroup() as group:
        for host in observer.every_database(access):
            group.create_task(_node(host, access.patroni(host), write))


async def _node(host: Host, patroni: Endpoint, write: Write) -> None:
    record = on_change(lambda state: write("member", host=host.name, **state))
    async with httpx.AsyncClient(timeout=TIMEOUT_S, **patroni.httpx) as client:
        while True:
            try:
                record(await _ask(patroni, client))
            except KeptOut as error:
                write(UNOBSERVED, host=host.name, error=str(error))
            await asyncio.sleep(INTERVAL_S)


async def _ask(patroni: Endpoint, client: httpx.AsyncClient) -> dict[str, Any]:
    """What a node reports, or that it does not. Raises KeptOut."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            return _state(answers.json_object(await client.get(f"{patroni.url}/patroni")))
    except TimeoutError:
        return UNREACHABLE | {"reachable": False, "error": f"no complete answer within {DEADLINE_S:g} s"}
    except (httpx.HTTPError, ValueError) as error:
        return UNREACHABLE | {"reachable": False, "error": tls_errors.observed(error, patroni)}


def _state(status: dict[str, Any]) -> dict[str, Any]:
    role, state = answers.text(status.get("role")), answers.text(status.get("state"))
    return {
        "reachable": True,
        "role": rest.role(role, state),
        "state": state,
        "epoch": answers.integer(status.get("timeline")),
        "lag": _lag(status.get("xlog")),
        "pending_restart": status.get("pending_restart") is True,
        "error": None,
    }


def _lag(xlog: object) -> int | None:
    """Bytes received and not yet replayed; a node does not know how far it is behind the leader."""
    known = xlog if isinstance(xlog, dict) else {}
    received, replayed = (answers.integer(known.get(f"{what}_location")) for what in ("received", "replayed"))
    return None if received is None or replayed is None else answers.integer(max(0, received - replayed))


OBSERVER = observer.members(observe)

"""The observer `write_probe`: what a client sees. A write every 20 ms through the proxy, each with an id of its own.

A write that hangs does not delay the next one, which takes another connection: the moment at which writes return is
measured to within 20 ms and a connect. At most LANES writes hang simultaneously, and at most CONNECTING connect: a
database that has just recovered must not be overloaded by those who probe it. A write without a free lane is skipped.
"""

import asyncio
import itertools
from collections.abc import Sequence

from firedrill.cluster import clock
from firedrill.cluster.dialect import Lane
from firedrill.cluster.observer import UNOBSERVED, Event, Observer, Write
from firedrill.cluster.outcomes import ACKED
from firedrill.cluster.systems import system_of
from firedrill.inventories.access import Access

INTERVAL_S = 0.02
DEADLINE_S = 2.0
CONNECT_S = 1.0
LANES = 60
SPARE = 4
CONNECTING = 4


async def observe(access: Access, write: Write) -> None:
    """Write until cancelled."""
    dialect = system_of(access.inventory).dialect
    names = {host.address: host.name for host in access.inventory.hosts}
    spare: list[Lane] = []
    busy: dict[asyncio.Task[None], Lane] = {}

    async def one(identity: int, lane: Lane) -> None:
        start = clock.now()
        answer = await lane.write(identity)
        server = names.get(answer.server) if answer.server else None
        if answer.kept_out:
            write(UNOBSERVED, error=answer.error)
        else:
            write("write", id=identity, start=start, outcome=answer.outcome, server=server, error=answer.error)
        if answer.outcome == ACKED and len(spare) < SPARE:
            spare.append(lane)
        else:
            await lane.close()

    loop = asyncio.get_running_loop()
    began = loop.time()
    for identity in itertools.count(1):
        await asyncio.sleep(max(0.0, began + identity * INTERVAL_S - loop.time()))
        connecting = sum(not lane.open for lane in busy.values())
        if spare or (len(busy) < LANES and connecting < CONNECTING):
            lane = spare.pop() if spare else dialect.front_lane(access, CONNECT_S, DEADLINE_S)
            task = asyncio.create_task(one(identity, lane))
            busy[task] = lane
            task.add_done_callback(busy.pop)


def found(access: Access, events: Sequence[Event]) -> tuple[bool, str]:
    """Writes must be acknowledged."""
    acked = [event for event in events if event["outcome"] == ACKED]
    if not acked:
        return False, last_error(events)
    median_ms = sorted((event["t"] - event["start"]) / 1e6 for event in acked)[len(acked) // 2]
    server = acked[-1]["server"] or "an unknown server"
    return True, f"{len(acked)} writes through {access.front} acknowledged by {server}, median {median_ms:.1f} ms"


def last_error(events: Sequence[Event]) -> str:
    return next((event["error"] for event in reversed(events) if event["error"]), "it recorded nothing")


OBSERVER = Observer(
    name="write_probe",
    interval_ms=600,  # a write that hangs is recorded only at its deadline
    observe=observe,
    needed_for="the write outage, lost writes: every verdict",
    found=found,
)

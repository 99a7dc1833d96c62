"""What a client sees: a write every 20 ms through the proxy, each with an id of its own.

A write that hangs does not hold up the next tick, which takes another connection: the moment at which writes return is
seen to within a tick and a connect. At most LANES hang at once, and at most CONNECTING connect: a database that has
just come back must not be kept down by those who ask whether it has. A tick without a lane is left out.
"""

import asyncio
import itertools
import time

from firedrill.cluster.dialect import Lane
from firedrill.cluster.outcomes import ACKED
from firedrill.cluster.systems import system_of
from firedrill.experiments.observe.writer import Writer
from firedrill.inventories.access import Access

INTERVAL_S = 0.02
DEADLINE_S = 2.0
CONNECT_S = 1.0
LANES = 60
SPARE = 4
CONNECTING = 4


async def observe(access: Access, write: Writer) -> None:
    """Write until cancelled."""
    dialect = system_of(access.inventory).dialect
    names = {host.address: host.name for host in access.inventory.hosts}
    spare: list[Lane] = []
    busy: dict[asyncio.Task, Lane] = {}

    async def one(identity: int, lane: Lane) -> None:
        start = time.time_ns()
        answer = await lane.write(identity)
        server = names.get(answer.server) if answer.server else None
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

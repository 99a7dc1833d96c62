"""What a client sees: a write every 20 ms through the proxy, each with an id of its own.

A write that hangs does not hold up the next tick, which takes another connection: the moment at which writes return is
seen to within a tick and a connect. At most LANES hang at once.
"""

import asyncio
import itertools
import time

from experiments.events import Writer
from experiments.observers.sql import ACKED, Lane
from inventories.access import Access

INTERVAL_S = 0.02
DEADLINE_S = 2.0
CONNECT_S = 1.0
LANES = 60
SPARE = 4
INSERT = "INSERT INTO firedrill.probe (id) VALUES (%s) RETURNING host(inet_server_addr())"


async def observe(access: Access, write: Writer) -> None:
    """Write until cancelled."""
    names = {host.address: host.name for host in access.inventory.hosts}
    spare: list[Lane] = []
    busy: set[asyncio.Task] = set()

    async def one(identity: int) -> None:
        lane = spare.pop() if spare else Lane(access.sql_front(), CONNECT_S, DEADLINE_S)
        start = time.time_ns()
        answer = await lane.insert(INSERT, (identity,))
        server = names.get(answer.row[0]) if answer.row else None
        write("write", id=identity, start=start, outcome=answer.outcome, server=server, error=answer.error)
        if answer.outcome == ACKED and len(spare) < SPARE:
            spare.append(lane)
        else:
            await lane.close()

    loop = asyncio.get_running_loop()
    began = loop.time()
    for identity in itertools.count(1):
        await asyncio.sleep(max(0.0, began + identity * INTERVAL_S - loop.time()))
        if len(busy) < LANES:
            task = asyncio.create_task(one(identity))
            busy.add(task)
            task.add_done_callback(busy.discard)

"""Which nodes take writes: one to every PostgreSQL node, past the proxy, every 50 ms."""

import asyncio
import itertools
import time

from firedrill.cluster.systems import system_of
from firedrill.experiments.observe.writer import Writer
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

INTERVAL_S = 0.05
DEADLINE_S = 1.0
CONNECT_S = 1.0


async def observe(access: Access, write: Writer) -> None:
    """Write to every node until cancelled."""
    async with asyncio.TaskGroup() as group:
        for host in access.inventory.role(system_of(access.inventory).database_role):
            group.create_task(_node(access, host, write))


async def _node(access: Access, host: Host, write: Writer) -> None:
    lane = system_of(access.inventory).dialect.node_lane(access, host, CONNECT_S, DEADLINE_S)
    loop = asyncio.get_running_loop()
    for identity in itertools.count(1):
        began = loop.time()
        start = time.time_ns()
        answer = await lane.write(identity)
        write(
            "write",
            host=host.name,
            id=identity,
            start=start,
            outcome=answer.outcome,
            readonly=answer.readonly,
            timeline=answer.epoch,
            error=answer.error,
        )
        await asyncio.sleep(max(0.0, began + INTERVAL_S - loop.time()))

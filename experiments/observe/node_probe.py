"""Which nodes take writes: one to every PostgreSQL node, past the proxy, every 50 ms."""

import asyncio
import itertools
import time

from firedrill.experiments.observe.sql import READ_ONLY, Lane
from firedrill.experiments.observe.writer import Writer
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

INTERVAL_S = 0.05
DEADLINE_S = 1.0
CONNECT_S = 1.0
# A primary's WAL file name begins with its timeline, in hex; on a replica the insert is refused before that.
INSERT = """
    INSERT INTO firedrill.node_probe (node, id) VALUES (%s, %s)
    RETURNING ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
"""


async def observe(access: Access, write: Writer) -> None:
    """Write to every node until cancelled."""
    async with asyncio.TaskGroup() as group:
        for host in access.inventory.role("postgres"):
            group.create_task(_node(access, host, write))


async def _node(access: Access, host: Host, write: Writer) -> None:
    lane = Lane(access.sql_node(host), CONNECT_S, DEADLINE_S)
    loop = asyncio.get_running_loop()
    for identity in itertools.count(1):
        began = loop.time()
        start = time.time_ns()
        answer = await lane.insert(INSERT, (host.name, identity))
        write(
            "write",
            host=host.name,
            id=identity,
            start=start,
            outcome=answer.outcome,
            readonly=answer.sqlstate == READ_ONLY,
            timeline=answer.row[0] if answer.row else None,
            error=answer.error,
        )
        await asyncio.sleep(max(0.0, began + INTERVAL_S - loop.time()))

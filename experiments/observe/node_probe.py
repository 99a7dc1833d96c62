"""The observer `node_probe`: which nodes accept writes. A write to each, not through the proxy, every 50 ms."""

import asyncio
import itertools
from collections.abc import Sequence

from firedrill.cluster import clock
from firedrill.cluster.observer import UNOBSERVED, Event, Observer, Write
from firedrill.cluster.outcomes import ACKED
from firedrill.cluster.systems import system_of
from firedrill.experiments.observe.write_probe import last_error
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

INTERVAL_S = 0.05
DEADLINE_S = 1.0
CONNECT_S = 1.0


def databases(access: Access) -> tuple[Host, ...]:
    return access.inventory.role(system_of(access.inventory).database_role)


async def observe(access: Access, write: Write) -> None:
    """Write to every node until cancelled."""
    async with asyncio.TaskGroup() as group:
        for host in databases(access):
            group.create_task(_node(access, host, write))


async def _node(access: Access, host: Host, write: Write) -> None:
    lane = system_of(access.inventory).dialect.node_lane(access, host, CONNECT_S, DEADLINE_S)
    loop = asyncio.get_running_loop()
    for identity in itertools.count(1):
        began = loop.time()
        start = clock.now()
        answer = await lane.write(identity)
        if answer.kept_out:
            write(UNOBSERVED, host=host.name, error=answer.error)
            await asyncio.sleep(INTERVAL_S)
            continue
        write(
            "write",
            host=host.name,
            id=identity,
            start=start,
            outcome=answer.outcome,
            readonly=answer.readonly,
            epoch=answer.epoch,
            error=answer.error,
        )
        await asyncio.sleep(max(0.0, began + INTERVAL_S - loop.time()))


def found(access: Access, events: Sequence[Event]) -> tuple[bool, str]:
    """Every node must answer, and exactly one must accept writes."""
    texts, answered, primaries = [], 0, 0
    for host in databases(access):
        of_host = [event for event in events if event["host"] == host.name]
        answers = [event for event in of_host if event["outcome"] == ACKED or event["readonly"]]
        primary = bool(answers) and answers[-1]["outcome"] == ACKED
        answered += bool(answers)
        primaries += primary
        state = ("accepts writes" if primary else "read-only") if answers else last_error(of_host)
        texts.append(f"{host.name} {state}")
    return answered == len(texts) and primaries == 1, "; ".join(texts)


OBSERVER = Observer(
    name="node_probe",
    interval_ms=600,  # a write that hangs is recorded only at its deadline
    hosts=databases,
    observe=observe,
    needed_for="two primaries, promote, route: every verdict",
    found=found,
)

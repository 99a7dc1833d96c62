"""Record when an observer's own loop did not run: what it did not look at then was not observed."""

import asyncio

from firedrill.cluster import clock
from firedrill.cluster.observer import Write

INTERVAL_S = 0.25
STALL_S = 2.0


async def watch(process: str, write: Write) -> None:
    """Until cancelled. A suspended machine is recorded by the runner, and shows up here, too."""
    last = clock.now()
    while True:
        await asyncio.sleep(INTERVAL_S)
        last = note(process, last, write, INTERVAL_S)


def note(process: str, last: int, write: Write, interval_s: float) -> int:
    """Record a stall since `last`, if there was one; return this moment."""
    now = clock.now()
    if now - last > (interval_s + STALL_S) * clock.SECOND:
        write("stalled", t=now, start=last, process=process)
    return now

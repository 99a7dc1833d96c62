"""One observer: `python -m firedrill.experiments.observe NAME FILE`, with the pickled access on standard input."""

import asyncio
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any

from firedrill.cluster import clock
from firedrill.cluster.observer import Observer, Write
from firedrill.experiments.observe import stalls
from firedrill.experiments.observe.catalogue import all_of
from firedrill.experiments.observe.writer import Writer
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem


def or_end(write: Writer) -> Write:
    """Write an event; where that is impossible (a full disk), say so once and end. The judge finds the gap."""

    def call(kind: str, **fields: Any) -> None:
        try:
            write(kind, **fields)
        except OSError as error:
            print(f"observer {write.source}: no event can be written ({error})", file=sys.stderr, flush=True)
            os._exit(1)  # tasks of asyncio would go on, and report each event

    return call


async def until_terminated(observer: Observer, access: Access, write: Write, of_clock: Write) -> None:
    """Observe until SIGTERM. `of_clock` writes when this process did not run."""
    assert observer.observe, f"{observer.name} has a program of its own"
    task = asyncio.ensure_future(observer.observe(access, write))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    watching = asyncio.ensure_future(stalls.watch(observer.name, of_clock))
    try:
        await task
    except asyncio.CancelledError:
        return
    finally:
        watching.cancel()


if __name__ == "__main__":
    name, path = sys.argv[1:]
    access: Access = pickle.load(sys.stdin.buffer)
    observers = all_of(access)
    if name not in observers:
        sys.exit(f"no observer {name!r}: there are {', '.join(observers)}")
    write, of_clock = Writer(Path(path), name), Writer(Path(path).with_suffix(".clock.jsonl"), clock.SOURCE)
    try:
        asyncio.run(until_terminated(observers[name], access, or_end(write), or_end(of_clock)))
    except* Problem as problems:  # of tasks, too
        sys.exit(f"observer {name}: {problems.exceptions[0]}")

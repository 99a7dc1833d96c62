"""One observer: `python -m firedrill.experiments.observe NAME FILE`, with the pickled access on standard input."""

import asyncio
import pickle
import signal
import sys
from pathlib import Path

from firedrill.cluster.observer import Observer
from firedrill.experiments.observe.catalogue import all_of
from firedrill.experiments.observe.writer import Writer
from firedrill.inventories.access import Access


async def until_terminated(observer: Observer, access: Access, write: Writer) -> None:
    """Observe until SIGTERM."""
    assert observer.observe, f"{observer.name} has a program of its own"
    task = asyncio.ensure_future(observer.observe(access, write))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    name, path = sys.argv[1:]
    access: Access = pickle.load(sys.stdin.buffer)
    observers = all_of(access)
    if name not in observers:
        sys.exit(f"no observer {name!r}: there are {', '.join(observers)}")
    asyncio.run(until_terminated(observers[name], access, Writer(Path(path), name)))

"""One observer: `python -m firedrill.experiments.observe NAME FILE`, with the pickled access on standard input."""

import asyncio
import pickle
import signal
import sys
from pathlib import Path

from firedrill.cluster import clock
from firedrill.cluster.observer import Observer
from firedrill.experiments.observe import stalls
from firedrill.experiments.observe.catalogue import all_of
from firedrill.experiments.observe.writer import Writer
from firedrill.inventories.access import Access


async def until_terminated(observer: Observer, access: Access, write: Writer, of_clock: Writer) -> None:
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
        asyncio.run(until_terminated(observers[name], access, write, of_clock))
    except OSError as error:  # a full disk: the judge finds the gap
        sys.exit(f"observer {name}: {error}")

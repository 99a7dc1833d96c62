"""One observer: `python -m firedrill.experiments.observe NAME FILE`, with the pickled access on standard input."""

import asyncio
import importlib
import pickle
import signal
import sys
from pathlib import Path

from firedrill.experiments.observe.process import MORE, OBSERVERS
from firedrill.experiments.observe.writer import Writer
from firedrill.inventories.access import Access


async def until_terminated(name: str, access: Access, write: Writer) -> None:
    """Observe until SIGTERM."""
    module = importlib.import_module(f"firedrill.experiments.observe.{name}")
    task = asyncio.ensure_future(module.observe(access, write))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    name, path = sys.argv[1:]
    if name not in OBSERVERS + MORE:
        sys.exit(f"no observer {name!r}: there are {', '.join(OBSERVERS + MORE)}")
    ways = pickle.load(sys.stdin.buffer)
    asyncio.run(until_terminated(name, ways, Writer(Path(path), name)))

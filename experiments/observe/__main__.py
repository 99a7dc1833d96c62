"""One observer's process: `python -m experiments.observers NAME FILE`, with the pickled access on standard input."""

import asyncio
import importlib
import pickle
import signal
import sys
from pathlib import Path

from experiments.events import Writer
from experiments.observers.process import MORE, OBSERVERS
from inventories.access import Access


async def until_terminated(name: str, access: Access, write: Writer) -> None:
    """Observe until SIGTERM."""
    module = importlib.import_module(f"experiments.observers.{name}")
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

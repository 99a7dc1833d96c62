"""Run each observer in a process of its own, which ends when told, and when the runner dies."""

import asyncio
import ctypes
import multiprocessing
import signal
from pathlib import Path

from experiments.events import Writer
from inventories.access import Access

OBSERVERS = ("write_probe", "node_probe", "etcd", "patroni", "haproxy")
# How often each speaks at the latest, in ms.
# (a write that hangs is an event only at its deadline.)
INTERVAL_MS = {"write_probe": 600, "node_probe": 600, "etcd": 1000, "patroni": 1000, "haproxy": 1000, "locust": 1000}
PR_SET_PDEATHSIG = 1
STOP_SECONDS = 5


def start(name: str, access: Access, path: Path) -> multiprocessing.Process:
    """Start one; it appends to `path`."""
    process = multiprocessing.get_context("spawn").Process(
        target=_main, args=(name, access, path), name=name, daemon=True
    )
    process.start()
    return process


def stop(process: multiprocessing.Process) -> None:
    """End it, hard if need be."""
    process.terminate()
    process.join(STOP_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()


def _main(name: str, access: Access, path: Path) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the runner, which then ends us
    asyncio.run(_until_terminated(name, access, Writer(path, name)))


async def _until_terminated(name: str, access: Access, write: Writer) -> None:
    module = __import__(f"experiments.observers.{name}", fromlist=["observe"])
    task = asyncio.ensure_future(module.observe(access, write))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return
    finally:
        write.close()

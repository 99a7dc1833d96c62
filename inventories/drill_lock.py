"""One drill per cluster: its lock, and the folder on this machine that keeps the state of the cluster's drills."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Inventory


def folder(inventory: Inventory) -> Path:
    """The cluster's folder, next to the passwords."""
    data = inventory.data
    return Path(data["secrets_file"]).expanduser().parent / "faults" / f"{data['cluster']}-{inventory.path.stem}"


@contextlib.contextmanager
def only_one(inventory: Inventory) -> Iterator[None]:
    """Hold the lock: two drills at the same time would measure each other. Raises Problem."""
    file = folder(inventory) / "lock"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(file, "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            process = lock.read().strip() or "unknown"
            raise Problem(
                f"another drill is running on this cluster (process {process})", "wait until it has ended"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def holder(inventory: Inventory) -> str | None:
    """The process that runs a drill on this cluster, or None."""
    try:
        with open(folder(inventory) / "lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lock.read().strip() or "unknown"
    except FileNotFoundError:
        pass
    return None

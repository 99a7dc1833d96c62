"""One drill per cluster: its lock, and the folder on this machine that keeps the state of the cluster's drills."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from firedrill.inventories.errors import Problem, of_system
from firedrill.inventories.read import Inventory


def folder(inventory: Inventory) -> Path:
    """The cluster's folder, next to the passwords."""
    data = inventory.data
    return Path(data["secrets_file"]).expanduser().parent / "faults" / f"{data['cluster']}-{inventory.path.stem}"


@contextlib.contextmanager
def only_one(inventory: Inventory) -> Iterator[None]:
    """Hold the lock: two drills at the same time would measure each other. Raises Problem."""
    file = folder(inventory) / "lock"
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError as error:
        raise of_system(error, file) from None
    try:
        _take(lock, file)
        yield
    finally:
        os.close(lock)


def _take(lock: int, file: Path) -> None:
    """Lock the file, and write our process into it. Raises Problem."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        process = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
        raise Problem(
            f"another drill is running on this cluster (process {process})", "wait until it has ended"
        ) from None
    try:
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
    except OSError as error:
        raise of_system(error, file) from None


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

"""One drill or deploy per cluster: its locks, and the folder on this machine that keeps the state of its drills.

A cluster is what has the same name and a host in common: two inventories of it exclude each other.
"""

import contextlib
import fcntl
import getpass
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from firedrill.inventories.errors import Problem, of_system
from firedrill.inventories.printable import printable
from firedrill.inventories.read import Inventory

MOST = 1000


class Holder(NamedTuple):
    """Who holds the lock. `what`: drill or deploy."""

    what: str
    pid: int
    user: str
    host: str
    since: str

    def running(self, where: str) -> str:
        """What to say about it: what is running, where, and whose it is."""
        whose = f"process {self.pid} of {self.user}@{self.host}, since {self.since}"
        return f"a {self.what} is running on {where} ({whose})"


UNKNOWN = Holder("drill or deploy", 0, "unknown", "unknown", "unknown")


def this_process(what: str) -> Holder:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = str(os.getuid())
    return Holder(what, os.getpid(), user, socket.gethostname(), f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")


def written(holder: Holder) -> str:
    """The text of a lock file."""
    return json.dumps(holder._asdict())


def parsed(text: str) -> Holder:
    """The holder that a lock file names; UNKNOWN if it was not written whole."""
    try:
        found = json.loads(text[:MOST])
        pid = int(found["pid"])
        what, user, host, since = (printable(str(found[name]))[:100] for name in ("what", "user", "host", "since"))
    except (ValueError, KeyError, TypeError):
        return UNKNOWN
    return Holder(what, pid, user, host, since)


def folder(inventory: Inventory) -> Path:
    """The cluster's folder, next to the passwords."""
    data = inventory.data
    return Path(data["secrets_file"]).expanduser().parent / "faults" / f"{data['cluster']}-{inventory.path.stem}"


def files(inventory: Inventory) -> list[Path]:
    """The file to lock for each host, in the same order for everybody."""
    data = inventory.data
    place = Path(data["secrets_file"]).expanduser().parent / "locks"
    return sorted({place / quote(f"{data['cluster']}-{host.address}", safe="") for host in inventory.hosts})


@contextlib.contextmanager
def only_one(inventory: Inventory, what: str = "drill") -> Iterator[None]:
    """Hold the locks: two drills at the same time would measure each other. Raises Problem."""
    held = take(inventory, what)
    try:
        yield
    finally:
        _close(held)


def take(inventory: Inventory, what: str) -> list[int]:
    """Lock the cluster and write who we are: file descriptors, whose locks end with this process. Raises Problem."""
    held: list[int] = []
    try:
        for file in files(inventory):
            held.append(_taken(file, what))  # noqa: PERF401 - those so far are closed when one is refused
    except BaseException:
        _close(held)
        raise
    return held


def _close(held: list[int]) -> None:
    for lock in held:
        os.close(lock)


def _taken(file: Path, what: str) -> int:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError as error:
        raise of_system(error, file) from None
    try:
        _lock(lock, file, what)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _lock(lock: int, file: Path, what: str) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        found = parsed(os.pread(lock, MOST, 0).decode(errors="replace"))
        raise Problem(found.running("this cluster"), "wait until it has ended") from None
    try:
        os.ftruncate(lock, 0)
        os.write(lock, written(this_process(what)).encode())
    except OSError as error:
        raise of_system(error, file) from None


def holder(inventory: Inventory) -> Holder | None:
    """Who runs a drill or a deploy on this cluster, or None."""
    return next(filter(None, map(_holder, files(inventory))), None)


def _holder(file: Path) -> Holder | None:
    with contextlib.suppress(FileNotFoundError), open(file, errors="replace") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return parsed(lock.read(MOST))
    return None

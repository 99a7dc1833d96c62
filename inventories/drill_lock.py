"""One drill or deploy per cluster: its lock, and the folder on this machine that keeps the state of its drills."""

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


@contextlib.contextmanager
def only_one(inventory: Inventory, what: str = "drill") -> Iterator[None]:
    """Hold the lock: two drills at the same time would measure each other. Raises Problem."""
    lock = take(inventory, what)
    try:
        yield
    finally:
        os.close(lock)


def take(inventory: Inventory, what: str) -> int:
    """Lock the cluster and write who we are: a file descriptor, whose lock ends with this process. Raises Problem."""
    file = folder(inventory) / "lock"
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
    try:
        with open(folder(inventory) / "lock", errors="replace") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return parsed(lock.read(MOST))
    except FileNotFoundError:
        pass
    return None

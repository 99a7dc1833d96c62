"""The controller's ledger: one file for each active injection, written before the harm and removed when clean."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Inventory


@dataclass(frozen=True)
class Entry:
    """One injection on one host. `at` and `until` are seconds since the epoch."""

    id: str
    fault: str
    options: dict[str, Any]
    spec: str
    host: str
    inventory: str
    at: float
    until: float
    before: dict[str, Any]
    deadman: int | None = None


def folder(inventory: Inventory) -> Path:
    """Beside the secrets, a folder a cluster."""
    data = inventory.data
    return Path(data["secrets_file"]).expanduser().parent / "faults" / f"{data['cluster']}-{inventory.path.stem}"


@contextlib.contextmanager
def only_one(inventory: Inventory) -> Iterator[None]:
    """Hold the lock of this cluster's drills: two at once would measure each other. Raises Problem."""
    file = folder(inventory) / "lock"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(file, "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            who = lock.read().strip() or "unknown"
            raise Problem(
                f"another drill is under way on this cluster (process {who})", "wait until it is over"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def write(inventory: Inventory, entry: Entry) -> None:
    """Write the entry down, whole or not at all."""
    file = folder(inventory) / f"{entry.id}.json"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_suffix(".new")
    new.write_text(json.dumps(asdict(entry)))
    os.replace(new, file)


def remove(inventory: Inventory, identity: str) -> None:
    """The injection is healed and clean. Absent is fine."""
    (folder(inventory) / f"{identity}.json").unlink(missing_ok=True)


def entries(inventory: Inventory) -> list[Entry]:
    """The active injections, the oldest first."""
    found = [Entry(**json.loads(file.read_text())) for file in folder(inventory).glob("*.json")]
    return sorted(found, key=lambda entry: entry.at)

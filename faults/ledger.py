"""The controller's ledger: one file for each active injection, written before the harm and removed when clean."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from inventories.read import Inventory


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

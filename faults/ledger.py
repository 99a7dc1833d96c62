"""The controller's ledger: one file for each active injection, written before the injection and removed when clean.

A file that cannot be read is never trusted and never stops the others: `damaged` names it, `set_aside` moves it away.
"""

import contextlib
import json
import math
import os
import stat
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from firedrill.faults.protocol import ID, Damaged
from firedrill.inventories.drill_lock import folder
from firedrill.inventories.errors import Problem, of_system
from firedrill.inventories.read import Inventory

MOST_BYTES = 8 << 20
ASIDE = "damaged"


@dataclass(frozen=True)
class Entry:
    """One injection on one host. `at`, `until` and `struck` are seconds since the epoch.

    Of a fault that a process at the controller heals: `struck` is when it took effect, None until it has, and `until`
    counts from there; `proven` is whether its effect was proven, so that no power command is pending any more.
    """

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
    struck: float | None = None
    proven: bool = False


TYPES: dict[str, type | tuple[type, ...]] = {
    "id": str, "fault": str, "options": dict, "spec": str, "host": str, "inventory": str, "at": (int, float),
    "until": (int, float), "before": dict,
}  # fmt: skip


def entry_of(data: object, identity: str) -> Entry:
    """The entry in a file or journal that is named after `identity`. Raises ValueError with the reason."""
    if not isinstance(data, dict):
        raise ValueError("no object")
    known = {key: value for key, value in data.items() if key in {field.name for field in fields(Entry)}}
    for key, kind in TYPES.items():
        if not isinstance(known.get(key), kind) or isinstance(known[key], bool):
            raise ValueError(f"{key} is {_short(known.get(key))}")
    if not ID.fullmatch(known["id"]) or known["id"] != identity:
        raise ValueError(f"id is {_short(known['id'])}, wanted {identity}")
    struck = known.get("struck")
    if not (struck is None or type(struck) in (int, float)) or type(known.get("proven", False)) is not bool:
        raise ValueError(f"struck is {_short(struck)}, proven is {_short(known.get('proven'))}")
    if not all(math.isfinite(known[key] or 0) for key in ("at", "until", "struck") if key in known):
        raise ValueError("no finite time")
    deadman = known.get("deadman")
    if deadman is not None and not (type(deadman) is int and 1 < deadman < 1 << 22):
        raise ValueError(f"deadman is {_short(deadman)}")
    return Entry(**known)


def _short(value: object) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def parse(text: bytes, identity: str, where: str, remedy: str) -> Entry:
    """The entry in the content of a file. Raises Damaged."""
    if not ID.fullmatch(identity):
        raise Damaged(where, "its name is not an id", remedy)
    if len(text) > MOST_BYTES:
        raise Damaged(where, "it is too large", remedy)
    try:
        return entry_of(json.loads(text), identity)
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, not an entry
        raise Damaged(where, str(error) or type(error).__name__, remedy) from None


def write(inventory: Inventory, entry: Entry) -> None:
    """Write the entry atomically. Raises Problem where the folder is full or read-only."""
    file = _file(inventory, entry.id)
    new = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new.write_text(json.dumps(asdict(entry)))
        os.replace(new, file)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink(missing_ok=True)
        raise of_system(error, file) from None


def update(inventory: Inventory, entry: Entry) -> bool:
    """Write the entry, unless it was healed, and removed, meanwhile; whether it was not."""
    if not _file(inventory, entry.id).exists():
        return False
    write(inventory, entry)
    return True


def find(inventory: Inventory, identity: str) -> Entry | None:
    """The active injection with this id. Raises Damaged."""
    try:
        return _read(_file(inventory, identity))
    except FileNotFoundError:
        return None


def remove(inventory: Inventory, identity: str) -> None:
    """The injection is healed and clean. Absent is fine. Raises Problem where the folder is read-only."""
    file = _file(inventory, identity)
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise of_system(error, file) from None


def _file(inventory: Inventory, identity: str) -> Path:
    if not ID.fullmatch(identity):
        raise Problem(f"no id {identity!r}", "`faults status` lists them")
    return folder(inventory) / f"{identity}.json"


def read(inventory: Inventory) -> tuple[list[Entry], list[Damaged]]:
    """The active injections, the oldest first, and the files that cannot be read. Reading writes nothing."""
    found: list[Entry] = []
    damaged: list[Damaged] = []
    for file in sorted(folder(inventory).glob("*.json")):
        try:
            found.append(_read(file))
        except Damaged as problem:
            damaged.append(problem)
        except FileNotFoundError:
            continue  # healed meanwhile
    return sorted(found, key=lambda entry: entry.at), damaged


def _read(file: Path) -> Entry:
    remedy = "`faults heal --all` sets it aside"
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise Damaged(str(file), "it is not a regular file", remedy)
        with open(file, "rb") as content:
            text = content.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(str(file), error.strerror or type(error).__name__, remedy) from None
    return parse(text, file.stem, str(file), remedy)


def entries(inventory: Inventory) -> list[Entry]:
    """The active injections, the oldest first."""
    return read(inventory)[0]


def set_aside(inventory: Inventory) -> list[Damaged]:
    """Move files that cannot be read into a folder next to them; each with where it is now."""
    moved = []
    for problem in read(inventory)[1]:
        file = Path(problem.where)
        aside = file.parent / ASIDE / file.name
        try:
            aside.parent.mkdir(exist_ok=True, mode=0o700)
            os.replace(file, aside)
        except OSError as error:
            raise of_system(error, aside) from None
        moved.append(Damaged(str(file), problem.why, f"it is {aside} now; see whether a host is still off or paused"))
    return moved

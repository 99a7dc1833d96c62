"""The cluster's own settings, as an experiment needs them, and back again.

The promise: the previous values are written to a file before anything is changed, and the file is removed only when
they are verified to be in effect again; so the next run restores what a killed one left.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from firedrill.cluster.systems import system_of
from firedrill.experiments.run.guard import describe
from firedrill.inventories import drill_lock
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Inventory

RESTORE_SECONDS = 60  # a coordinator may need some of it to find its quorum again
RETRY_S = 1.0
Values = Mapping[str, Any]
Note = Callable[[str, Values, Values, str], None]


@contextlib.contextmanager
def applied(access: Access, wanted: Values, note: Note) -> Iterator[None]:
    """Set `wanted` on every node during the body, and restore the previous values. Raises Problem."""
    if not wanted:
        yield
        return
    system = system_of(access.inventory)
    before = pick(system.configuration(access), wanted)
    _save(access.inventory, before)
    try:
        system.configure(access, wanted)
        waited = system.until_configured(access)
        note("set", before, pick(system.configuration(access), wanted), f"applied on every node after {waited:.1f} s")
        yield
    finally:
        restore(access, note)


def restore(access: Access, note: Note) -> bool:
    """Restore what this or an earlier run changed; whether there was anything to restore.

    Retried until a deadline, since the cluster may still be recovering. Raises Problem if it stays changed.
    """
    file = _file(access.inventory)
    if not file.exists():
        return False
    before = _saved(file)
    found: dict[str, Any] = {}
    deadline = time.monotonic() + RESTORE_SECONDS
    while problem := _try(access, before, found):
        if time.monotonic() > deadline:
            note("not_restored", found, before, problem)
            raise Problem(
                f"the cluster's settings are left changed, wanted {json.dumps(before)} again ({problem})",
                "the next run, or `experiments suite`, tries again",
            )
        time.sleep(RETRY_S)
    file.unlink()
    note("restored", found, before, "as before the run")
    return True


def _try(access: Access, before: Values, found: dict[str, Any]) -> str | None:
    """Restore once, and verify it; `found` gets the values from before the first success. None, or what is wrong."""
    system = system_of(access.inventory)
    try:
        if not found:
            found |= pick(system.configuration(access), before)
        system.configure(access, before)
        now = pick(system.configuration(access), before)
    except Exception as error:  # noqa: BLE001 - any failure is retried
        return describe(error)
    return None if now == before else f"it is {json.dumps(now)}"


def pick(config: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a configuration whose keys `like` has. A key that is not set is null, which removes it when set."""
    return {
        key: pick(config.get(key) or {}, value) if isinstance(value, Mapping) else config.get(key)
        for key, value in like.items()
    }


def _file(inventory: Inventory) -> Path:
    return drill_lock.folder(inventory) / "settings.note"


def _save(inventory: Inventory, before: Mapping[str, Any]) -> None:
    file = _file(inventory)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_suffix(".new")
    new.write_text(json.dumps(before))
    os.replace(new, file)


def _saved(file: Path) -> dict[str, Any]:
    try:
        saved = json.loads(file.read_text())
        if isinstance(saved, dict):
            return saved
        reason = f"wanted an object, found {type(saved).__name__}"
    except ValueError as error:
        reason = str(error)
    raise Problem(f"{file} cannot be read ({reason})", "compare the cluster's settings by hand, then remove the file")

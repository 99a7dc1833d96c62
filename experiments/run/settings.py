"""Patroni's dynamic configuration as an experiment needs it, and back again.

The promise: what was there before is written down before anything is changed, and leaves that note only when it is
there again; so a run that was killed is put right by the next one.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from firedrill.cluster.systems import system_of
from firedrill.faults import ledger
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Inventory

Tell = Callable[[str, Mapping[str, Any], Mapping[str, Any], str], None]


@contextlib.contextmanager
def applied(access: Access, wanted: Mapping[str, Any], tell: Tell) -> Iterator[None]:
    """Set `wanted` on every node, and restore what was there when it is over. Raises Problem."""
    if not wanted:
        yield
        return
    system = system_of(access.inventory)
    before = pick(system.configuration(access), wanted)
    _note(access.inventory, before)
    try:
        system.configure(access, wanted)
        waited = system.until_configured(access)
        tell("set", before, pick(system.configuration(access), wanted), f"known to every node after {waited:.1f} s")
        yield
    finally:
        restore(access, tell)


def restore(access: Access, tell: Tell) -> bool:
    """Restore what the note of this or of an earlier run says; whether there was one. Raises Problem."""
    file = _file(access.inventory)
    if not file.exists():
        return False
    system = system_of(access.inventory)
    before = json.loads(file.read_text())
    found = pick(system.configuration(access), before)
    system.configure(access, before)
    if (now := pick(system.configuration(access), before)) != before:
        raise Problem(f"Patroni's configuration is {now}, wanted {before} again", "set it by `patronictl edit-config`")
    file.unlink()
    tell("restored", found, now, "as before the run")
    return True


def pick(config: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """Of a configuration the keys that `like` has; what is not set is null, which Patroni's PATCH takes for removal."""
    return {
        key: pick(config.get(key) or {}, value) if isinstance(value, Mapping) else config.get(key)
        for key, value in like.items()
    }


def _file(inventory: Inventory) -> Path:
    return ledger.folder(inventory) / "settings.note"


def _note(inventory: Inventory, before: Mapping[str, Any]) -> None:
    file = _file(inventory)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_suffix(".new")
    new.write_text(json.dumps(before))
    os.replace(new, file)

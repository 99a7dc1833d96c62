"""Patroni's dynamic configuration as an experiment needs it, and back again.

The promise: what was there before is written down before anything is changed, and leaves that note only when it is
there again; so a run that was killed is put right by the next one.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

from firedrill.faults import ledger
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host, Inventory

ANSWER_SECONDS = 5
KNOWN_SECONDS = 60
# Patroni takes the configuration over at the end of a round, and acts on it in the next.
ROUNDS = 2
Tell = Callable[[str, Mapping[str, Any], Mapping[str, Any], str], None]


@contextlib.contextmanager
def applied(access: Access, wanted: Mapping[str, Any], tell: Tell) -> Iterator[None]:
    """Set `wanted` on every node, and restore what was there when it is over. Raises Problem."""
    if not wanted:
        yield
        return
    before = pick(read(access), wanted)
    _note(access.inventory, before)
    try:
        change(access, wanted)
        waited = until_known(access)
        tell("set", before, pick(read(access), wanted), f"known to every node after {waited:.1f} s")
        yield
    finally:
        restore(access, tell)


def restore(access: Access, tell: Tell) -> bool:
    """Restore what the note of this or of an earlier run says; whether there was one. Raises Problem."""
    file = _file(access.inventory)
    if not file.exists():
        return False
    before = json.loads(file.read_text())
    found = pick(read(access), before)
    change(access, before)
    if (now := pick(read(access), before)) != before:
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


def read(access: Access) -> dict[str, Any]:
    """The dynamic configuration, from the first node that answers. Raises Problem."""
    return _ask(access, "GET", None).json()


def change(access: Access, patch: Mapping[str, Any]) -> None:
    """Change the dynamic configuration. Raises Problem."""
    _ask(access, "PATCH", patch)


def _ask(access: Access, method: str, body: Mapping[str, Any] | None) -> httpx.Response:
    last = "the inventory has no postgres hosts"
    for host in access.inventory.role("postgres"):
        try:
            answer = httpx.request(
                method, f"{access.patroni_url(host)}/config", json=body, auth=access.patroni_auth,
                timeout=ANSWER_SECONDS, **access.patroni_options,
            )  # fmt: skip
            answer.raise_for_status()
            return answer
        except httpx.HTTPError as error:
            last = f"{host.name}: {error or type(error).__name__}"
    raise Problem(f"Patroni's configuration cannot be had or changed ({last})", "look at Patroni and etcd there")


def until_known(access: Access) -> float:
    """Wait until every node's Patroni has looked at etcd again, often enough; return the seconds. Raises Problem."""
    began = time.monotonic()
    for _ in range(ROUNDS):
        seen = {host: _last_seen(access, host) for host in access.inventory.role("postgres")}
        while late := [host.name for host, at in seen.items() if (_last_seen(access, host) or 0) <= (at or 0)]:
            if time.monotonic() - began > KNOWN_SECONDS:
                raise Problem(f"{', '.join(late)}: no news of the settings in {KNOWN_SECONDS} s", "is Patroni well?")
            time.sleep(0.2)
    return time.monotonic() - began


def _last_seen(access: Access, host: Host) -> int | None:
    """When this node's Patroni last had an answer of etcd, by its clock; None where it does not say."""
    try:
        answer = httpx.get(f"{access.patroni_url(host)}/patroni", timeout=ANSWER_SECONDS, **access.patroni_options)
        return answer.json().get("dcs_last_seen")
    except (httpx.HTTPError, ValueError):
        return None


def _file(inventory: Inventory) -> Path:
    return ledger.folder(inventory) / "settings.note"


def _note(inventory: Inventory, before: Mapping[str, Any]) -> None:
    file = _file(inventory)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_suffix(".new")
    new.write_text(json.dumps(before))
    os.replace(new, file)

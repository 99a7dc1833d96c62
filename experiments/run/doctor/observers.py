"""The observers, each run for a moment as in a run: what it saw."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from firedrill.cluster.system import Check
from firedrill.experiments.observe import process
from firedrill.experiments.observe.watching import FIRST_WORD_SECONDS
from firedrill.experiments.observe.writer import so_far
from firedrill.experiments.run import fit
from firedrill.experiments.run.doctor import schema
from firedrill.inventories.access import Access

STEP_S = 0.5


def checks(access: Access) -> list[Check]:
    """The schema, and every observer for a moment."""
    with schema.usable(access) as made, tempfile.TemporaryDirectory() as folder:
        names = [name for name in process.OBSERVERS if name not in fit.unobserved(access)]
        running = []
        try:
            for name in names:
                running.append(process.start(name, access, Path(folder) / name))
            deadline = time.monotonic() + FIRST_WORD_SECONDS
            while True:
                time.sleep(STEP_S)
                seen = {name: LOOK[name](access, so_far(Path(folder) / name)) for name in names}
                if all(fine for fine, _ in seen.values()) or time.monotonic() > deadline:
                    break
        finally:
            process.stop(running)
    found = [Check(name, *seen[name], NEEDED[name]) for name in names]
    return [made, *found] + [
        Check(name, None, "the inventory has none, or excludes it", NEEDED[name])
        for name in process.OBSERVERS
        if name not in names
    ]


Found = tuple[bool, str]


def _write_probe(access: Access, events: list[dict]) -> Found:
    acked = [e for e in events if e["outcome"] == "acked"]
    if not acked:
        return False, _last_error(events)
    took = sorted((e["t"] - e["start"]) / 1e6 for e in acked)[len(acked) // 2]
    return (
        True,
        f"{len(acked)} writes through {access.front} taken by {acked[-1]['server'] or 'someone'}, median {took:.1f} ms",
    )


def _node_probe(access: Access, events: list[dict]) -> Found:
    shown, leaders = [], 0
    for host in access.inventory.role("postgres"):
        answered = [e for e in events if e["host"] == host.name and (e["outcome"] == "acked" or e["readonly"])]
        leaders += bool(answered) and answered[-1]["outcome"] == "acked"
        last = ("took writes" if answered[-1]["outcome"] == "acked" else "read-only") if answered else None
        shown.append(
            (bool(answered), f"{host.name} {last or _last_error([e for e in events if e['host'] == host.name])}")
        )
    return all(fine for fine, _ in shown) and leaders == 1, "; ".join(text for _, text in shown)


def _etcd(access: Access, events: list[dict]) -> Found:
    leader = next((e["value"] for e in events if e["kind"] == "key" and e["key"] == "leader"), None)
    alive = [e["endpoint"] for e in events if e["kind"] == "alive"]
    if not access.etcd:
        return False, "no host has the role etcd"
    if not alive:
        return False, "no member accepts a watch"
    if leader is None:
        return False, f"no leader key below {access.patroni_prefix}: are `cluster` and `patroni_namespace` right?"
    return True, f"{leader} holds the leader key, read from {alive[-1]}"


def _patroni(access: Access, events: list[dict]) -> Found:
    last = {e["host"]: e for e in events}
    shown = []
    for host in access.inventory.role("postgres"):
        event = last.get(host.name, {"reachable": False, "error": "nothing recorded"})
        shown.append(f"{host.name} {event['role'] if event['reachable'] else event['error']}")
    fine = all(last.get(host.name, {}).get("reachable") for host in access.inventory.role("postgres"))
    return fine, "; ".join(shown)


def _haproxy(access: Access, events: list[dict]) -> Found:
    shown, fine = [], True
    for host in access.inventory.role("proxy"):
        mine = [e for e in events if e["host"] == host.name and e["backend"] == "postgres_write"]
        up = sorted({e["server"] for e in mine if str(e["status"]).startswith("UP")})
        fine = fine and bool(mine)
        error = next((e["error"] for e in events if e["host"] == host.name and e["error"]), "no such backend")
        shown.append(f"{host.name} sends writes to {', '.join(up) or 'nobody'}" if mine else f"{host.name} {error}")
    return fine, "; ".join(shown)


def _last_error(events: list[dict]) -> str:
    return next((e["error"] for e in reversed(events) if e["error"]), "it recorded nothing")


LOOK: dict[str, Callable[[Access, list[dict]], Found]] = {
    "write_probe": _write_probe,
    "node_probe": _node_probe,
    "etcd": _etcd,
    "patroni": _patroni,
    "haproxy": _haproxy,
}
NEEDED = {
    "write_probe": "the write outage, lost writes: every verdict",
    "node_probe": "two primaries, promote, route: every verdict",
    "etcd": "detect, promote: every verdict",
    "patroni": "who was primary when: every verdict",
    "haproxy": 'where writes were sent; to do without it: `unobserved = ["haproxy"]`',
}

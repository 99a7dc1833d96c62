"""Every observer: one row each. A database system adds its own."""

from collections.abc import Iterable, Sequence
from typing import Any

from firedrill.cluster.observer import Observer
from firedrill.cluster.systems import system_of
from firedrill.experiments.model import Load
from firedrill.experiments.observe import address, alerts, node_probe, proxy, tcp, write_probe
from firedrill.inventories.access import Access
from firedrill.inventories.errors import InventoryProblem, Problem

PROBES = (write_probe.OBSERVER, node_probe.OBSERVER)
OTHERS = (proxy.OBSERVER, address.OBSERVER, tcp.OBSERVER)
ALERTS = alerts.OBSERVER  # of a cluster that has a monitoring
USERS = Observer(name="users", interval_ms=1000, observe=None, needed_for="the read outage, errors of users")


def all_of(access: Access) -> dict[str, Observer]:
    """Every observer of this cluster's kind, by name; the users are none of them."""
    of_monitoring = (ALERTS,) if access.monitoring else ()
    rows = (*PROBES, *system_of(access.inventory).observers, *OTHERS, *of_monitoring)
    return {row.name: row for row in rows}


def left_out(access: Access) -> list[str]:
    """The observers that this cluster does without: nothing to observe, or `unobserved`. Raises InventoryProblem."""
    rows, excluded = all_of(access), access.data.get("unobserved", ())
    allowed = [name for name, row in rows.items() if row.may_be_left_out]
    if wrong := [name for name in excluded if name not in allowed]:
        raise InventoryProblem(
            f"`unobserved` in {access.inventory.path} names {wrong[0]!r}", f"it can name {', '.join(allowed)}"
        )
    return [name for name in allowed if name in excluded or rows[name].names(access) == []]


def usual(access: Access) -> list[Observer]:
    """The observers of every run on this cluster; without those of what it does not have, such as a fence."""
    without = left_out(access)
    rows = [row for row in all_of(access).values() if not row.on_request and row.name not in without]
    return [row for row in rows if row.names(access) != []]


def of_run(access: Access, load: Load, requested: Iterable[str]) -> list[Observer]:
    """The observers of one run: the usual ones, those that the experiment requests, its users. Raises Problem."""
    rows = all_of(access)
    if unknown := [name for name in requested if name not in rows]:
        raise Problem(f"the experiment requests the unknown observer {unknown[0]!r}", f"there are {', '.join(rows)}")
    return [*usual(access), *(rows[name] for name in requested), *([USERS] if load.total else [])]


def described(observers: Sequence[Observer], access: Access) -> list[dict[str, Any]]:
    """The `observers` of the `run` event: a gap in any of them makes the verdict *unknown*."""
    return [
        {"name": row.name, "interval_ms": row.interval_ms, "hosts": row.names(access), "required": True}
        for row in observers
    ]

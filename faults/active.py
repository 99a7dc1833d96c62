"""What is active now: the ledger here and the journals of the hosts, together; and what each host shows of it."""

import time
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from firedrill import plugins
from firedrill.cluster import clock
from firedrill.cluster.each import each
from firedrill.faults import ledger, lookup, undo
from firedrill.faults.connections import Connections, connected
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import Damaged, Fault, Target, check_options
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host


@dataclass(frozen=True)
class Survey:
    """Every injection that is on record, the oldest first, and the records that cannot be read.

    `silent` are the hosts that do not answer, of which nothing is known; not those that an injection of ours silences.
    """

    entries: list[Entry]
    damaged: list[Damaged]
    silent: list[str]


def survey(access: Access, connections: Connections) -> Survey:
    """Ask the ledger here and every host that answers."""
    entries, damaged = ledger.read(access.inventory)
    known = {entry.id: entry for entry in entries}
    asked = [(name, connection) for name, connection in connections.items() if connection]
    answers = each(lambda pair: undo.read_journals(pair[1]), asked)
    for (name, _), (journals, unreadable) in zip(asked, answers, strict=True):
        damaged += unreadable
        for journal in journals:
            # By the name that this inventory gives the host: the fault may have been injected through another one.
            known.setdefault(journal.id, replace(journal, host=name))
    silenced = {entry.host for entry in known.values() if _silences(entry, access)}
    silent = [name for name, connection in connections.items() if connection is None and name not in silenced]
    return Survey(sorted(known.values(), key=lambda entry: entry.at), damaged, silent)


def _silences(entry: Entry, access: Access) -> bool:
    """Whether it is the host's power that is hit."""
    try:
        return not fault_of(entry, access).heals_itself_on_host
    except Problem:
        return False


def active(access: Access, connections: Connections) -> list[Entry]:
    """Every injection that is on record and can be read, the oldest first."""
    return survey(access, connections).entries


def fault_of(entry: Entry, access: Access) -> Fault:
    """The fault of a record, with its options. Raises Problem.

    A file is loaded only where our own ledger names it: no host decides what code runs here.
    """
    ours = {(mine.id, mine.fault) for mine in ledger.entries(access.inventory)}
    if plugins.names_file(entry.fault) and (entry.id, entry.fault) not in ours:
        raise Problem(
            f"{entry.host}: {entry.id} is the fault {ascii(entry.fault)} of another controller", "heal it from there"
        )
    fault = lookup.make(entry.fault, entry.options)
    check_options(fault)
    return fault


def target_of(entry: Entry, access: Access, connections: Connections) -> Target:
    """The host of an injection. Raises Problem where the inventory does not have it."""
    host = access.inventory[entry.host]
    limit = entry.until - (entry.struck or entry.at)
    return Target(
        entry.id,
        entry.spec,
        host,
        access,
        limit,
        connections.get(host.name),
        entry.before,
        pending_until=_pending_until(entry, host),
    )


def _pending_until(entry: Entry, host: Host) -> float:
    """Until when (monotonic) a power command of this injection may still act; 0 where its effect was seen."""
    seconds = host.data.get("power_seconds")
    if entry.proven or not isinstance(seconds, int | float):
        return 0
    left = (entry.struck or entry.at) + float(seconds) - clock.wall_s()
    return time.monotonic() + left


class Status(NamedTuple):
    """What is active: a row for each injection, the records that cannot be read, and the hosts that do not answer."""

    rows: list[dict[str, Any]]
    damaged: list[Damaged]
    silent: list[str]


def status(access: Access) -> Status:
    """One row for each injection on record, with what its host shows now."""
    ours = {entry.id for entry in ledger.entries(access.inventory)}
    with connected(access.inventory.hosts) as connections:
        found = survey(access, connections)
        shown = each(lambda entry: _shown(entry, access, connections), found.entries)
    rows = [
        {"id": entry.id, "fault": entry.fault, "host": entry.host, "target": entry.spec, "options": entry.options,
         "heals_in_s": max(0, round(entry.until - clock.wall_s(), 1)),
         "injected_from": "here" if entry.id in ours else "elsewhere",
         "status": text} for entry, text in zip(found.entries, shown, strict=True)
    ]  # fmt: skip
    return Status(rows, found.damaged, found.silent)


def _shown(entry: Entry, access: Access, connections: Connections) -> str:
    try:
        fault = fault_of(entry, access)
        target = target_of(entry, access, connections)
        if target.connection is None and fault.heals_itself_on_host:
            return "does not answer SSH"
        return fault.status(target)
    except Problem as problem:
        return f"unknown: {problem}"
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # the record lacks what the fault noted
        return f"unknown: its record is incomplete ({type(error).__name__}: {error})"

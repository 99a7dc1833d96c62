"""Which writes were acknowledged, and which of them the tables hold at the end."""

from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from firedrill.experiments.judge.basis import Basis
from firedrill.experiments.judge.facts import Attempt

RANK = {"failed": 0, "unknown": 1, "acked": 2}
TABLES = {"probe": "write_probe", "forecast": "users"}  # the tables, and the observer that writes to each
Id = int | str


@dataclass(frozen=True)
class Writes:
    """What became of the writes of the probe and of the users together, by the tables' content at the end.

    `hindered`: sentences about tables that could not be relied on.
    """

    acked: int | None
    failed: int | None
    unknown: int | None
    lost: int | None
    lost_ids: Mapping[str, tuple[Id, ...]]
    ghost: int | None
    hindered: tuple[str, ...]


def writes(basis: Basis) -> Writes:
    """Count them; None where an observer was missing or a table was not read. A lost write found stays lost."""
    needed = {table: name for table, name in TABLES.items() if name in basis.coverage.needed}
    tables = [table for table, name in needed.items() if basis.coverage.started(name)]
    best = {table: _best(table, _written(basis, table)) for table in tables}
    read = {table: _read(basis, table) for table in tables}
    pairs = {table: lost_and_ghost(best[table], ids) for table, (ids, _) in read.items() if ids is not None}
    lost = {table: tuple(pairs[table][0]) if table in pairs else () for table in TABLES}
    number, complete = sum(map(len, lost.values())), len(pairs) == len(needed)
    blind = bool(basis.membership.unwatched) or any(
        basis.coverage.blind(name, basis.window) for name in needed.values()
    )
    count = Counter(outcome for ids in best.values() for outcome in ids.values())
    counted = len(tables) == len(needed)
    return Writes(
        acked=count["acked"] if counted else None,
        failed=count["failed"] if counted else None,
        unknown=count["unknown"] if counted else None,
        lost=number if number or (complete and not blind) else None,
        lost_ids=lost,
        ghost=sum(len(ghost) for _, ghost in pairs.values()) if complete else None,
        hindered=tuple(why for _, why in read.values() if why),
    )


def _written(basis: Basis, table: str) -> Iterable[Attempt]:
    """Every attempt to write to a table."""
    if table == "probe":
        return basis.probe_writes
    return [attempt for attempt in basis.requests if attempt.method == "POST"]


def _id(table: str, name: Id | None) -> Id:
    """An id as its table holds it: the probe's are integers, the users' texts."""
    return name if table == "probe" and isinstance(name, int) else str(name)


def _best(table: str, attempts: Iterable[Attempt]) -> dict[Id, str]:
    """The best that is known of each id: acknowledged once is acknowledged, however often it was tried."""
    best: dict[Id, str] = {}
    for attempt in attempts:
        name, outcome = _id(table, attempt.id), attempt.outcome
        if name not in best or RANK[outcome] > RANK[best[name]]:
            best[name] = outcome
    return best


def lost_and_ghost(best: Mapping[Any, str], present: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    """Ids acknowledged and absent, and ids not acknowledged and present; both sorted."""
    there = present if isinstance(present, AbstractSet) else set(present)
    lost = [name for name, outcome in best.items() if outcome == "acked" and name not in there]
    ghost = [name for name, outcome in best.items() if outcome != "acked" and name in there]
    return sorted(lost), sorted(ghost)


def _read(basis: Basis, table: str) -> tuple[frozenset[Id] | None, str | None]:
    """The ids that the last reading of a table found, or None and why it cannot be relied on."""
    rec = basis.rec
    ends = [event for event in rec.of("tables", "present_end") if event["table"] == table]
    if not ends:
        return None, f"tables: the table {table} was not read to its end, wanted its `present_end`."
    since = ends[-2]["t"] if len(ends) > 1 else 0
    pages = [event for event in rec.of("tables", "present") if event["table"] == table and event["t"] > since]
    ids = frozenset(_id(table, name) for page in pages for name in page["ids"])
    leader, read_from = basis.after.leader if basis.after else None, ends[-1].get("leader")
    began = min(event["t"] for event in [*pages, ends[-1]])
    late = sum(attempt.outcome == "acked" and attempt.t > began for attempt in _written(basis, table))
    if len(ids) != ends[-1]["count"]:
        return None, f"tables: {table} holds {ends[-1]['count']} rows, but {len(ids)} ids were read."
    if leader and read_from != leader:
        return None, f"tables: {table} was read from {read_from}, wanted the leader {leader}."
    if late:
        return None, f"tables: {table} was read while {late} writes to it were still acknowledged."
    return ids, None

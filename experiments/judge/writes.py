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
    """Count them; None where an observer was missing or a table was not read. A lost write found stays lost.

    Where nothing was acknowledged, nothing can be lost: that shows nothing, so that it is None, too.
    """
    needed = {table: name for table, name in TABLES.items() if name in basis.coverage.needed}
    tables = [table for table, name in needed.items() if basis.coverage.started(name)]
    best = {table: _best(table, _written(basis, table)) for table in tables}
    read = {table: _read(basis, table) for table in tables}
    pairs = {table: lost_and_ghost(best[table], ids) for table, (ids, _) in read.items() if ids is not None}
    lost = {table: tuple(pairs[table][0]) if table in pairs else () for table in TABLES}
    number, complete = sum(map(len, lost.values())), bool(needed) and len(pairs) == len(needed)
    blind = bool(basis.membership.unwatched) or any(
        basis.coverage.blind(name, basis.window) for name in needed.values()
    )
    count = Counter(outcome for ids in best.values() for outcome in ids.values())
    counted = bool(needed) and len(tables) == len(needed)
    return Writes(
        acked=count["acked"] if counted else None,
        failed=count["failed"] if counted else None,
        unknown=count["unknown"] if counted else None,
        lost=number if number or (complete and not blind and count["acked"]) else None,
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


def _leader(basis: Basis, at: int) -> str | None:
    """Who led when the tables were read; None where that was not observed, or where two observations differ."""
    steady, holder = basis.after.leader if basis.after else None, basis.leadership.holder(at)
    return None if steady and holder and steady != holder else steady or holder


def _read(basis: Basis, table: str) -> tuple[frozenset[Id] | None, str | None]:
    """The ids that the last reading of a table found, or None and why it cannot be relied on."""
    rec = basis.rec
    ends = [event for event in rec.of("tables", "present_end") if event["table"] == table]
    if not ends:
        return None, f"tables: the table {table} was not read to its end, wanted its `present_end`."
    since = ends[-2]["t"] if len(ends) > 1 else 0
    pages = [event for event in rec.of("tables", "present") if event["table"] == table and event["t"] > since]
    ids = frozenset(_id(table, name) for page in pages for name in page["ids"])
    leader, read_from = _leader(basis, ends[-1]["t"]), ends[-1].get("leader")
    began = min(event["t"] for event in [*pages, ends[-1]])
    acked = [attempt for attempt in _written(basis, table) if attempt.outcome == "acked"]
    late = sum(attempt.t > began for attempt in acked)
    again = len(acked) - len({attempt.id for attempt in acked}) if table == "probe" else 0  # users repeat requests
    if len(ids) != ends[-1]["count"]:
        return None, f"tables: {table} holds {ends[-1]['count']} rows, but {len(ids)} ids were read."
    if leader is None or read_from != leader:
        wanted = leader or "which was not observed"
        return None, f"tables: {table} was read from {read_from or 'an unknown node'}, wanted the leader {wanted}."
    if again:
        return None, f"tables: {again} ids of {table} were acknowledged twice, wanted a new id for each write."
    if late:
        return None, f"tables: {table} was read while {late} writes to it were still acknowledged."
    return ids, None

"""Whether an injection is still in effect: looked at right before it is healed, and every few seconds meanwhile."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from firedrill.cluster import clock
from firedrill.cluster.each import each
from firedrill.faults.active import fault_of, target_of
from firedrill.faults.connections import Connections
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import NotEffective
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

STILL, LAPSED, UNOBSERVED = "still_effective", "lapsed", "unobserved"


class Look(NamedTuple):
    """One look at an injection: a phase, its evidence or the reason, and when it lapsed (ns; None: now, or before)."""

    phase: str
    detail: str
    t: int | None = None


def look(entry: Entry, access: Access, connections: Connections) -> Look | None:
    """What its host shows of it; None for a fault whose effect is momentary."""
    try:
        fault, target = fault_of(entry, access), target_of(entry, access, connections)
        evidence = fault.still(target)
    except NotEffective as lapsed:
        return _lapsed(entry, lapsed)
    except Problem as problem:
        return Look(UNOBSERVED, problem.cause)
    except (LookupError, TypeError, ValueError, AttributeError) as error:  # the record lacks what the fault noted
        return Look(UNOBSERVED, f"its record is incomplete ({type(error).__name__}: {error})")
    return None if evidence is None else Look(STILL, evidence)


def _lapsed(entry: Entry, problem: NotEffective) -> Look:
    """After its limit it is the limit that ended it."""
    if clock.wall_s() < entry.until:
        return Look(LAPSED, problem.cause)
    limit = f"its own limit of {entry.until - entry.at:g} s ended it"
    return Look(LAPSED, f"{entry.host}: {limit}", clock.of_wall(round(entry.until * clock.SECOND)))


def prove_again(
    entries: Iterable[Entry],
    access: Access,
    connections: Connections,
    tell: Callable[[Entry, str, str, int | None], None],
) -> None:
    """Look at all of them, and report. Before any of them is healed, since they may be one effect (a lost quorum)."""
    by_host: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_host[entry.host].append(entry)

    def of_host(mine: list[Entry]) -> list[tuple[Entry, Look | None]]:  # a host may allow one session a connection
        return [(entry, look(entry, access, connections)) for entry in mine]

    for entry, found in (row for rows in each(of_host, by_host.values()) for row in rows):
        if found:
            tell(entry, *found)


def held_by_host(entry: Entry, access: Access) -> bool:
    """Whether it is looked at, and healed, over SSH; a host without power does not answer."""
    try:
        return fault_of(entry, access).heals_itself_on_host
    except Problem:
        return False

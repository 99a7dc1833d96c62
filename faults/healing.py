"""What `faults heal` does: heal some injections, or all that anything shows, and say what could not be known."""

import time
from collections.abc import Callable
from typing import NamedTuple

from firedrill.faults import active, engine, ledger
from firedrill.faults.connections import connected
from firedrill.faults.engine import Tell
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import ID, Unhealed
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

RETRIES, RETRY_SECONDS = 4, 3


class Healed(NamedTuple):
    """What could not be healed, and the hosts that do not answer, of which nothing is known."""

    problems: list[Problem]
    silent: list[str]


def named(
    access: Access, ids: set[str], tell: Tell, show: Callable[[Problem], None], *, accept: bool = False
) -> Healed:
    """Heal these injections. Raises Problem where there is none of that id; a silent host may have it.

    With `accept` they leave the record although what they touch differs from before.
    """
    if wrong := sorted(name for name in ids if not ID.fullmatch(name)):
        raise Problem(f"{wrong[0]!r} is not the id of an injection", "`faults status` lists them")
    found, silent = ledger.entries(access.inventory), []
    if not ids <= {entry.id for entry in found}:
        with connected(access.inventory.hosts) as connections:
            survey = active.survey(access, connections)
        found, silent = survey.entries, survey.silent
    if unknown := ids - {entry.id for entry in found}:
        problem = Problem(f"no active injection {', '.join(sorted(unknown))}", "`faults status` lists them")
        if not silent:
            raise problem
        show(problem)
    wanted = [entry for entry in found if entry.id in ids]
    problems = _accept(wanted, access, tell) if accept else _heal(wanted, access, tell)
    return Healed(problems, silent if unknown else [])


def everything(access: Access, tell: Tell, show: Callable[[Problem], None]) -> Healed:
    """Heal all injections on record here and on the hosts; move records of ours aside that cannot be read.

    Hosts that were silent are asked again in the end: healing may have switched them on.
    """
    with connected(access.inventory.hosts) as connections:
        first = active.survey(access, connections)
    aside = {problem.where: problem for problem in ledger.set_aside(access.inventory)}
    problems: list[Problem] = [aside.get(problem.where, problem) for problem in first.damaged]
    for problem in problems:
        show(problem)
    problems += _heal(first.entries, access, tell)
    if not first.silent:
        return Healed(problems, [])
    with connected([access.inventory[name] for name in first.silent]) as connections:
        second = active.survey(access, connections)
    tried = {entry.id for entry in first.entries}
    problems += _heal([entry for entry in second.entries if entry.id not in tried], access, tell)
    return Healed(problems, second.silent)


def _heal(entries: list[Entry], access: Access, tell: Tell) -> list[Problem]:
    try:
        engine.heal_all(entries, access, tell)
    except Unhealed as problem:
        return problem.problems
    return []


def _accept(entries: list[Entry], access: Access, tell: Tell) -> list[Problem]:
    problems = []
    for entry in entries:
        try:
            engine.accept(entry, access, tell)
        except Problem as problem:
            problems.append(problem)
    return problems


def unattended(access: Access, identity: str, tell: Tell) -> None:
    """Heal at the limit, for a controller that may be gone: retried before it gives up. Raises Problem."""
    for left in range(RETRIES, -1, -1):
        if (entry := ledger.find(access.inventory, identity)) is None:
            return
        try:
            engine.heal(entry, access, tell)
            return
        except Problem:
            if not left:
                raise
        time.sleep(RETRY_SECONDS)

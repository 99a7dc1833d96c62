"""Clean means that the services of a host serve again, not that a process of that name runs."""

import time
from collections.abc import Collection

from firedrill.cluster import ssh
from firedrill.cluster.systems import system_of
from firedrill.faults import ledger
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import NotClean, Target
from firedrill.inventories.errors import Problem
from firedrill.inventories.printable import printable

BEFORE = "serves"
SECONDS = 120.0
STEP_S = 0.5


def note(target: Target) -> dict[str, dict[str, str | None]]:
    """Why each service of the host does not serve before the injection; None for those that do.

    What does not serve because of another injection, but did before that one, has to serve in the end. Where it cannot
    be asked (no password, say), nothing has to.
    """
    others = _others(target)
    try:
        found = _ask(target, decides=not others)
    except Problem as problem:
        found = {"what it serves": problem.cause}
    here = [entry.before.get(BEFORE) or {} for entry in others if entry.host == target.host.name]
    served = {name for before in here for name, cause in before.items() if cause is None}
    return {BEFORE: {name: None if name in served else cause for name, cause in found.items()}}


def prove(target: Target, together: Collection[str] = ()) -> str:
    """Every service that served before serves again. Raises NotClean with the cause.

    What takes the rest of the cluster, such as a quorum, is asked only if no other injection is active; those with the
    ids `together` are being healed at the same time.
    """
    before = target.before.get(BEFORE) or {}
    wanted = {name for name, cause in before.items() if cause is None}
    others = [entry for entry in _others(target) if entry.id not in together]
    if not wanted or _rebuilt(target):
        return ""
    if here := [entry for entry in others if entry.host == target.host.name]:
        return f"not tested whether it serves: {here[0].fault} {here[0].id} is active on it"
    seconds = float(target.host.data["deadlines"].get("serve", SECONDS))
    failing = _until_serving(target, wanted, seconds, decides=not others)
    if failing:
        causes = "; ".join(f"{name} does not serve: {printable(cause)}" for name, cause in failing.items())
        raise NotClean(
            f"{target.host.name}: {causes}, {seconds:g} s after healing; it served before the fault",
            "repair it, then heal again",
        )
    return f"{', '.join(sorted(wanted))} {'serve' if len(wanted) > 1 else 'serves'} again"


def _until_serving(target: Target, wanted: Collection[str], seconds: float, *, decides: bool) -> dict[str, str]:
    """What of the wanted does not serve at the end of the time; a database may need it to recover."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            now = _ask(target, decides=decides)
            failing = {name: cause for name, cause in now.items() if cause is not None and name in wanted}
        except Problem as problem:
            failing = dict.fromkeys(wanted, problem.cause)
        if not failing or time.monotonic() > deadline:
            return failing
        time.sleep(STEP_S)


def _ask(target: Target, *, decides: bool) -> dict[str, str | None]:
    return dict(system_of(target.host).serves(target.access, target.host, decides=decides))


def _rebuilt(target: Target) -> bool:
    """Whether it is another machine by now, on which nothing has to serve."""
    known = target.before.get("state", {}).get("machine")
    if not known or target.connection is None:
        return False
    return bool([ssh.sh(target.connection, "cat /etc/machine-id", check=False)] != known)


def _others(target: Target) -> list[Entry]:
    """The other injections of this controller that are active."""
    return [entry for entry in ledger.entries(target.access.inventory) if entry.id != target.id]

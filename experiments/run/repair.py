"""Make a cluster whole again before the next experiment: heal, restore settings, switch on, take a new base copy."""

import contextlib
from collections.abc import Callable

from firedrill.cluster import operations, patroni, ssh
from firedrill.cluster.each import each
from firedrill.experiments.run import settings, steady_state
from firedrill.faults import engine, ledger
from firedrill.faults.ledger import Entry
from firedrill.faults.power import out_of_band
from firedrill.faults.protocol import Refused, Target
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

SOON_SECONDS = 60
LATE_SECONDS = 120
ANSWER_SECONDS = 3


def mend(access: Access, tell: Callable[[str], None]) -> str | None:
    """Repair what can be repaired from outside; return what is missing still, None where nothing is."""

    def told(entry: Entry, phase: str, detail: str, t: int | None) -> None:
        tell(f"{entry.fault} of {entry.spec} ({entry.host}): {phase}: {detail}")

    _try(tell, lambda: each(lambda entry: engine.heal(entry, access, told), ledger.entries(access.inventory)))
    each(lambda host: _switch_on(host, access, tell), access.inventory.hosts)
    _try(tell, lambda: settings.restore(access, lambda phase, _, after, how: tell(f"settings {phase}: {after}, {how}")))
    state, _ = steady_state.wait(access, SOON_SECONDS, tell)
    if not state.ok and _make_anew(access, tell):
        state, _ = steady_state.wait(access, LATE_SECONDS, tell)
    return state.detail


def _try(tell: Callable[[str], None], work: Callable[[], object]) -> None:
    """What fails here is told, and shows in the cluster that is not whole."""
    try:
        work()
    except Problem as problem:
        tell(str(problem))


def _switch_on(host: Host, access: Access, tell: Callable[[str], None]) -> None:
    if ssh.answers(host, ANSWER_SECONDS):
        return
    target = Target("0" * 8, host.name, host, access, SOON_SECONDS)
    with contextlib.suppress(Refused, Problem):  # it may not be paused, or know no pause
        out_of_band.press(target, "resume")
    if not ssh.answers(host, ANSWER_SECONDS):
        tell(f"{host.name} does not answer: switching it on")
        _try(tell, lambda: out_of_band.press(target, "power_on"))
        with contextlib.suppress(TimeoutError):
            ssh.wait(host, up=True, seconds=SOON_SECONDS)


def _make_anew(access: Access, tell: Callable[[str], None]) -> bool:
    """Have replicas that do not stream take a new base copy; whether any does."""
    view = patroni.view(access)
    stuck = [one.name for one in view.members if one is not view.leader and one.state != "streaming"]
    for name in stuck if view.leader else []:
        tell(f"{name} does not stream: making it anew")
        _try(tell, lambda name=name: operations.reinitialize(access, name))
    return bool(view.leader and stuck)

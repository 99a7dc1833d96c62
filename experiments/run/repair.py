"""Bring a cluster back to its steady state: heal, restore settings, switch hosts on, reinitialize replicas."""

import contextlib
from collections.abc import Callable
from functools import partial

from firedrill.cluster import ssh
from firedrill.cluster.each import each
from firedrill.cluster.systems import system_of
from firedrill.experiments.run import settings, steady_state
from firedrill.faults import engine, ledger
from firedrill.faults.ledger import Entry
from firedrill.faults.power import press
from firedrill.faults.protocol import Refused, Target
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

STEADY_SECONDS = 60
REINITIALIZED_SECONDS = 120
ANSWER_SECONDS = 3
Tell = Callable[[str], None]


def repair(access: Access, tell: Tell) -> str | None:
    """Repair what can be repaired from outside; return what is still missing, None if nothing is."""

    def record(entry: Entry, phase: str, detail: str, t: int | None) -> None:
        tell(f"{entry.fault} of {entry.spec} ({entry.host}): {phase}: {detail}")

    _try(tell, lambda: engine.heal_all(ledger.entries(access.inventory), access, record))
    each(lambda host: _switch_on(host, access, tell), access.inventory.hosts)
    _try(tell, lambda: settings.restore(access, lambda phase, _, after, how: tell(f"settings {phase}: {after}, {how}")))
    _try(tell, lambda: each(tell, system_of(access.inventory).recover(access)))
    state, _ = steady_state.wait(access, STEADY_SECONDS, tell)
    if not state.ok and _reinitialize(access, tell):
        state, _ = steady_state.wait(access, REINITIALIZED_SECONDS, tell)
    return state.detail


def _try(tell: Tell, work: Callable[[], object]) -> None:
    """A failure is shown, and leaves a cluster that is not in its steady state."""
    try:
        work()
    except Problem as problem:
        tell(str(problem))


def _switch_on(host: Host, access: Access, tell: Tell) -> None:
    if ssh.answers(host, ANSWER_SECONDS):
        return
    target = Target("0" * 8, host.name, host, access, STEADY_SECONDS)
    with contextlib.suppress(Refused, Problem):  # it may not be paused, or have no command for it
        press.press(target, "resume")
    if not ssh.answers(host, ANSWER_SECONDS):
        tell(f"{host.name} does not answer: switching it on")
        _try(tell, lambda: press.press(target, "power_on"))
        with contextlib.suppress(TimeoutError):
            ssh.wait(host, up=True, seconds=STEADY_SECONDS)


def _reinitialize(access: Access, tell: Tell) -> bool:
    """Reinitialize replicas that do not follow the leader; whether there was any."""
    system = system_of(access.inventory)
    view = system.view(access)
    stuck = [member.name for member in view.members if member is not view.leader and not member.healthy]
    for name in stuck if view.leader else []:
        tell(f"{name} does not follow the leader: reinitializing it")
        _try(tell, partial(system.reinitialize, access, name))
    return bool(view.leader and stuck)

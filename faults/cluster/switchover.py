"""Planned work: the leadership is handed over to a standby."""

from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster import clock
from firedrill.cluster.system import REPLICA, Member, View
from firedrill.cluster.systems import system_of
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, Trigger, poll

MOST_S = 600
SECONDS = 30


@dataclass(frozen=True)
class Switchover:
    """Hand the leadership over from the leader to the standby `to` (default: the cluster chooses); nothing to heal."""

    to: str = ""
    within_s: float = 30

    kind: ClassVar[str] = "cluster"
    default_limit_s: ClassVar[float] = 120
    heals_itself_on_host: ClassVar[bool] = True
    may_lock_out: ClassVar[bool] = False
    momentary: ClassVar[bool] = True

    def check(self) -> None:
        if not 0 < self.within_s <= MOST_S:
            raise Refused(f"a switchover within {self.within_s:g} s", f"give more than 0 and at most {MOST_S}")

    def refuse(self, target: Target) -> None:
        self.check()
        view = _view(target)
        leader = view.leader.name if view.leader else None
        if len(target.together) > 1:
            raise Refused(f"{len(target.together)} hosts are to hand over, one leads", "use `leader`")
        if target.host.name != leader:
            raise Refused(f"{target.host.name} does not lead, {leader or 'nobody'} does", "use `leader`")
        standbys = [member.name for member in view.members if member.role == REPLICA and member.healthy]
        if not standbys or (self.to and self.to not in standbys):
            wanted = f"{self.to} is not a healthy standby" if self.to else "no member is a healthy standby"
            raise Refused(f"{wanted} of {leader}", f"its healthy standbys: {', '.join(standbys) or 'none'}")

    def snapshot(self, target: Target) -> dict[str, Any]:
        leader = _view(target).leader
        return {"epoch": leader.epoch if leader else None}

    def commands(self, target: Target) -> list[str]:
        return [self._text(target)]

    def _text(self, target: Target) -> str:
        return f"switch over from {target.host.name} to {self.to or 'the standby that the cluster chooses'}"

    def arm(self, target: Target, journal: dict[str, Any]) -> None:
        """Nothing to undo."""

    def ready(self, target: Target) -> Trigger:
        return Request(target, self._text(target), self.to, self.within_s)

    def prove(self, target: Target) -> str:
        """Another member leads, and the old leader is a replica. Raises NotEffective."""
        if not poll(lambda: _handed_over(target), SECONDS, step=0.2):
            raise NotEffective(
                f"{SECONDS} s after the switchover {_roles(target)}, wanted another leader and a replica", ""
            )
        return _roles(target)

    def still(self, target: Target) -> str | None:
        """Momentary: it is over when it is proven."""
        return None

    def heal(self, target: Target) -> str:
        """Nothing to undo, but the old leader has to follow the new one. Raises NotClean."""
        if not poll(lambda: _follows(target), SECONDS, step=0.2):
            raise NotClean(
                f"{SECONDS} s after the switchover {_roles(target)}, wanted {target.host.name} to be healthy",
                "look at its log",
            )
        return f"nothing to heal: {_roles(target)}"

    def status(self, target: Target) -> str:
        return _roles(target)


class Request:
    """The request for a switchover: a Trigger. The time of the injection is when it is sent."""

    def __init__(self, target: Target, text: str, to: str, within_s: float) -> None:
        self.text = text
        self._target = target
        self._to = to
        self._within_s = within_s
        self._began = 0

    def go(self) -> None:
        self._began = clock.now()

    def done(self) -> int:
        access = self._target.access
        system_of(access.inventory).switchover(access, self._within_s, self._to or None)
        return self._began


def _view(target: Target) -> View:
    return system_of(target.access.inventory).view(target.access)


def _old(target: Target, view: View) -> Member | None:
    return next((member for member in view.members if member.name == target.host.name), None)


def _handed_over(target: Target) -> bool:
    """Another member leads, and the old leader is a replica."""
    view = _view(target)
    leader, old = view.leader, _old(target, view)
    return leader is not None and old is not None and leader is not old and old.role == REPLICA


def _follows(target: Target) -> bool:
    """There is a leader, and the old one is healthy: it follows, or leads again."""
    view = _view(target)
    old = _old(target, view)
    return view.leader is not None and old is not None and old.healthy


def _roles(target: Target) -> str:
    """Leader and epoch, and the old leader's state, in words."""
    view = _view(target)
    if not view.members:
        return f"no member answers ({view.error})"
    leader, old = view.leader, _old(target, view)
    leads = f"{leader.name} leads (epoch {leader.epoch})" if leader else "no node leads"
    return f"{leads}, {target.host.name} is {f'{old.role} ({old.state})' if old else 'not a member'}"

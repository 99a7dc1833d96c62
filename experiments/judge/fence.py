"""The fence: which of its agents acted, and what they decided after the first fault."""

from collections.abc import Mapping, Sequence

from firedrill.experiments.judge.basis import Basis
from firedrill.experiments.judge.facts import AgentSample, Decision
from firedrill.experiments.judge.schema import Fence
from firedrill.experiments.judge.spans import ms

OBSERVER = "fence"
OFF = "off"
Agents = Mapping[str, Sequence[AgentSample]]


def fence(basis: Basis, agents: Agents, decisions: Sequence[Decision]) -> Fence | None:
    """Its figures; None on a cluster without a fence."""
    if basis.run.profile.get("fence", OFF) == OFF:
        return None
    if not basis.coverage.started(OBSERVER):
        return Fence()
    after = [one for one in decisions if basis.fault_at is not None and one.t >= basis.fault_at]
    released = [one.t for one in after if one.what == "release"]
    complete = _complete(basis, agents)
    return Fence(
        agents=_acting(basis, agents),
        released=_count(len(released), complete),
        declined=_count(sum(one.what == "decline" for one in after), complete),
        decide_ms=ms(released[0] - basis.fault_at) if released and basis.fault_at is not None else None,
        left=_left(agents),
    )


def _acting(basis: Basis, agents: Agents) -> int:
    """The agents that were seen to act until the first fault; of a run without one, at any time."""
    until = basis.fault_at or basis.window.end
    return sum(any(sample.alive and sample.t <= until for sample in row) for row in agents.values())


def _complete(basis: Basis, agents: Agents) -> bool:
    """Whether every decision was observed: each agent that may decide was reachable throughout."""
    if not basis.fault_at or not basis.coverage.saw(OBSERVER, basis.window):
        return False
    within = [[sample for sample in agents.get(host, ()) if _inside(basis, sample)] for host in basis.run.coordinators]
    return all(row and all(sample.alive is not None for sample in row) for row in within)


def _inside(basis: Basis, sample: AgentSample) -> bool:
    return basis.window.begin <= sample.t <= basis.window.end


def _count(found: int, complete: bool) -> int | None:
    """None found is zero only where every decision was observed."""
    return found if found or complete else None


def _left(agents: Agents) -> int | None:
    """How many hosts refused another one in their last sample; None where a host was unreachable then."""
    last = [row[-1] for row in agents.values() if row]
    if any(sample.alive is None for sample in last) or not last:
        return None
    return sum(bool(sample.refusing) for sample in last)

"""What every figure of a run rests on, read from its recording once."""

from dataclasses import dataclass
from functools import cached_property

from firedrill.experiments.judge import gaps, recorded
from firedrill.experiments.judge.facts import Attempt, Fault, FaultEvent, NodeWrite, Run, Steady
from firedrill.experiments.judge.leadership import Leaderships, leaderships
from firedrill.experiments.judge.membership import Membership, membership
from firedrill.experiments.judge.recording import Recording
from firedrill.experiments.judge.spans import Span


@dataclass(frozen=True)
class Basis:
    """Facts of a recording and its coverage by observers."""

    rec: Recording
    run: Run
    fault_events: tuple[FaultEvent, ...]
    faults: tuple[Fault, ...]
    before: Steady | None
    after: Steady | None
    window: Span
    coverage: gaps.Coverage
    leadership: Leaderships
    membership: Membership
    requests: tuple[Attempt, ...]
    probe_writes: tuple[Attempt, ...]
    node_writes: tuple[NodeWrite, ...]

    @property
    def every_node_seen(self) -> bool:
        """Whether every node that may take writes was observed throughout.

        A node of which no answer came before the fault, or none after a healing that left a healthy cluster, was not:
        its probe may have another reason to fail, such as a wrong password.
        """
        if self.membership.unwatched or not self.coverage.saw("node_probe", self.window):
            return False
        answers = [write for write in self.node_writes if write.outcome == "acked" or write.readonly]
        before = {write.host for write in answers if self.fault_at is None or write.t <= self.fault_at}
        after = {write.host for write in answers if self.healed_at and write.t >= self.healed_at}
        wanted = set(self.run.databases)
        return wanted <= before and (wanted <= after or not (self.healed_at and self.after and self.after.ok))

    @property
    def fault_at(self) -> int | None:
        """When the first fault was injected."""
        return self.faults[0].injected if self.faults else None

    @cached_property
    def faulty(self) -> tuple[Span, ...]:
        """When faults were active; without those that were never healed."""
        return tuple(span for fault in self.faults if (span := fault.span))

    @cached_property
    def healed_at(self) -> int | None:
        """When healing the last fault began; None where one was never healed."""
        all_healed = self.faults and len(self.faulty) == len(self.faults)
        return max(span.end for span in self.faulty) if all_healed else None


def basis(rec: Recording) -> Basis:
    """Read it. The recording need not have an end."""
    fault_events = recorded.fault_events(rec)
    faults = recorded.faults(fault_events)
    before, after = recorded.steady(rec, "before"), recorded.steady(rec, "after")
    window = gaps.window(rec, faults, before, after)
    return Basis(
        rec=rec,
        run=recorded.run(rec),
        fault_events=fault_events,
        faults=faults,
        before=before,
        after=after,
        window=window,
        coverage=gaps.coverage(rec, window),
        leadership=leaderships(rec, recorded.sync(rec)),
        membership=membership(rec),
        requests=recorded.requests(rec),
        probe_writes=recorded.probe_writes(rec),
        node_writes=recorded.node_writes(rec),
    )

"""Who held the leadership when, and the failover that followed the first fault."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from firedrill.experiments.judge.facts import Leadership, SyncChange
from firedrill.experiments.judge.gaps import SILENCE
from firedrill.experiments.judge.recording import Recording
from firedrill.experiments.judge.spans import SECOND, Span

STALE = 5 * SECOND  # an observer without a sample for so long at the end of the window was no longer observing


@dataclass(frozen=True)
class Leaderships:
    """The history of the leadership, and how well it was observed."""

    history: tuple[Leadership, ...]  # changes of the holder only
    sync: tuple[SyncChange, ...]
    samples: tuple[int, ...]  # when the leadership was observed
    attempts_in_vain: tuple[int, ...]  # when an endpoint did not answer

    def holder(self, at: int) -> str | None:
        """Who held the leadership at a moment."""
        known = bisect_right(self.history, at, key=lambda change: change.t)
        return self.history[known - 1].holder if known else None

    @cached_property
    def _silences(self) -> tuple[Span, ...]:
        long = (Span(a, b) for a, b in pairwise(self.samples) if b - a > 2 * SILENCE)
        return tuple(gap for gap in long if any(gap.begin < t < gap.end for t in self.attempts_in_vain))

    def late(self, at: int) -> bool:
        """Whether no endpoint had answered just before: what changed meanwhile is then recorded late."""
        return any(gap.begin < at <= gap.end + SILENCE for gap in self._silences)

    def ends_unobserved(self, window: Span) -> bool:
        """Whether the leadership was no longer observed when the window ended."""
        return window.end - max(self.samples, default=0) > STALE


def leaderships(rec: Recording, sync: tuple[SyncChange, ...]) -> Leaderships:
    history: list[Leadership] = []
    for event in rec.of("leadership", "leadership"):
        holder = event.get("holder")
        if not history or history[-1].holder != holder:
            history.append(Leadership(event["t"], holder, event.get("epoch")))
    samples = sorted(
        event["t"]
        for (source, kind), events in rec.kinds.items()
        if source == "leadership" and kind != "unreachable"
        for event in events
    )
    vain = tuple(event["t"] for event in rec.of("leadership", "unreachable"))
    return Leaderships(tuple(history), sync, tuple(samples), vain)


def changes(history: Sequence[Leadership], after: int) -> int | None:
    """How often another node took the leadership after a moment; None if it is not known who held it then."""
    holders = [(change.t, change.holder) for change in history if change.holder]
    then = [who for t, who in holders if t <= after][-1:]
    if not then:
        return None
    row = then + [who for t, who in holders if t > after]
    return sum(one != other for one, other in pairwise(row))

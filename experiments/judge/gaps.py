"""What was observed, and the gaps in it. A gap is never taken for calm: what falls into one was not observed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from firedrill.cluster.observer import UNOBSERVED
from firedrill.experiments.judge import recorded
from firedrill.experiments.judge.contract import EVENTS
from firedrill.experiments.judge.facts import Fault, Gap, Pause, Steady
from firedrill.experiments.judge.recording import Recording
from firedrill.experiments.judge.spans import SECOND, Span

SILENCE = SECOND  # no time without a sample up to this long is a gap, ends a row of writes, or is "never recovered"
INTERVALS = 5  # so many intervals without a sample are a gap
NO_OBSERVERS = ("runner", "tables", "logs", "clock")
OF_ALL = {"node_probe": "databases", "address": "proxies"}  # observers of a figure that needs every one of these hosts


@dataclass(frozen=True)
class Coverage:
    """The observers that a run needs, those that were started, and the gaps of each."""

    needed: tuple[str, ...]
    intervals: Mapping[str, int]  # ns, by the name of each observer that was started
    gaps: tuple[Gap, ...]

    def started(self, name: str) -> bool:
        return name in self.intervals

    def blind(self, name: str, span: Span) -> bool:
        """Whether this observer was missing, or had a gap, at some time in the span."""
        return any(gap.observer == name and gap.span.touches(span) for gap in self.gaps)

    def saw(self, name: str, span: Span) -> bool:
        """Whether this observer was started, and had no gap in the span."""
        return self.started(name) and not self.blind(name, span)


def window(rec: Recording, faults: Sequence[Fault], before: Steady | None, after: Steady | None) -> Span:
    """What must be observed without a gap: from the first fault until the steady state after.

    Without that state, until the last sample.
    """
    begin = faults[0].injected if faults else before.t if before else rec.events[0]["t"]
    last_phase = max((event["t"] for event in rec.of("runner", "fault")), default=begin)
    samples = (event["t"] for event in reversed(rec.events) if event["source"] not in NO_OBSERVERS)
    return Span(begin, max(begin, last_phase, after.t if after else next(samples, begin)))


def coverage(rec: Recording, of: Span) -> Coverage:
    """Every observer's gaps from its first sample until the window ends: figures rest on the time before it, too."""
    intervals, needed = _intervals(rec), _needed(rec)
    paused = [gap for pause in recorded.pauses(rec) for gap in _paused(pause, needed)]
    silent = [gap for name in needed for gap in _gaps(rec, name, intervals.get(name), of)]
    return Coverage(needed, intervals, (*paused, *(gap for gap in silent if not _explained(gap, paused))))


def _paused(pause: Pause, needed: Sequence[str]) -> Iterator[Gap]:
    """The gaps that a pause means: of the observer itself, or of all of them while the controller was suspended."""
    cause: Literal["stalled", "suspended"] = "stalled" if pause.process else "suspended"
    for name in needed:
        if pause.process in (None, name):
            yield Gap(name, None, pause.span, 0, started=True, cause=cause)


def _explained(gap: Gap, paused: Sequence[Gap]) -> bool:
    """Whether an observer was silent only because it did not run."""
    return any(
        one.observer == gap.observer and one.span.touches(gap.span) and gap.span.length - one.span.length <= gap.limit
        for one in paused
        if gap.started
    )


def _needed(rec: Recording) -> tuple[str, ...]:
    """The observers that the run requires, and any other that it started."""
    listed = [row["name"] for row in _observers(rec).values() if row["required"]]
    users = ["users"] if rec.of("users", "request") else []
    started = [event["name"] for event in rec.of("runner", "observer")]
    return tuple(name for name in dict.fromkeys([*listed, *users, *started]) if name not in NO_OBSERVERS)


def _observers(rec: Recording) -> dict[str, Mapping[str, object]]:
    return {row["name"]: row for row in rec.of("runner", "run")[0]["observers"]}


def _intervals(rec: Recording) -> dict[str, int]:
    """The longest time between two samples that each started observer has promised, ns."""
    found: dict[str, int] = {}
    for event in rec.of("runner", "observer"):
        if event["phase"] == "start":
            interval = int((event.get("interval_ms") or 0) * 1_000_000)
            found[event["name"]] = max(interval, found.get(event["name"], 0))
    return found


def _gaps(rec: Recording, name: str, interval: int | None, of: Span) -> Iterator[Gap]:
    if interval is None:
        yield Gap(name, None, of, 0, started=False)
        return
    limit = max(INTERVALS * interval, SILENCE)
    for host, spans in _samples(rec, name).items():
        first = min((span.begin for span in spans), default=of.begin)
        for gap in unobserved(spans, Span(min(first, of.begin), of.end)):
            if gap.length > limit:
                yield Gap(name, host, gap, limit, started=True, error=_error(rec, name, host, gap))


def _error(rec: Recording, name: str, host: str | None, gap: Span) -> str | None:
    """What kept the observer from its host in a gap; None if it recorded nothing about that."""
    events = rec.of(name, UNOBSERVED)
    found = [e["error"] for e in events if gap.begin <= e["t"] <= gap.end and host in (None, e.get("host"))]
    return found[-1] if found else None


def _samples(rec: Recording, name: str) -> dict[str | None, list[Span]]:
    """When an observer recorded samples, by host where each must be observed; a write covers its whole duration."""
    hosts = _hosts(rec, name)
    found: defaultdict[str | None, list[Span]] = defaultdict(list)
    for host in hosts or ():
        found[host] = []
    for (source, kind), events in rec.kinds.items():
        row = EVENTS.get((source, kind))
        lasts = row is not None and "start" in row.fields
        for event in events if source == name and kind != UNOBSERVED else ():
            begin = (event.get("start") if lasts else None) or event["t"]
            found[event.get("host") if hosts is not None else None].append(Span(begin, event["t"]))
    return found or {None: []}


def _hosts(rec: Recording, name: str) -> list[str] | None:
    """Each host that this observer must observe; None where it observes the cluster as one."""
    listed: Any = _observers(rec).get(name, {}).get("hosts")
    of_all = rec.of("runner", "run")[0][OF_ALL[name]] if name in OF_ALL else []
    return [*(listed or ()), *of_all] if listed is not None or of_all else None


def unobserved(spans: Sequence[Span], of: Span) -> Iterator[Span]:
    """The parts of a span that none of the others covers."""
    at = of.begin
    for span in sorted(spans):
        if span.begin >= of.end:
            break
        if span.begin > at:
            yield Span(at, span.begin)
        at = max(at, span.end)
    if at < of.end:
        yield Span(at, of.end)

"""Whether the alerts that an experiment expects were delivered in time, and which others there were.

What counts is an alert that became active after the fault. An alert that is missing fails only where everything was
observed that would have shown it; otherwise it is *unknown*.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from firedrill.experiments.judge.alerting import Active, Alerting, Delivery, Labels, alerting
from firedrill.experiments.judge.basis import Basis
from firedrill.experiments.judge.facts import AlertTimes, Fault
from firedrill.experiments.judge.facts import Host as HostFact
from firedrill.experiments.judge.recorded import notes
from firedrill.experiments.judge.schema import Alert, Judged
from firedrill.experiments.judge.spans import Span, ms
from firedrill.experiments.judge.units import text_of

# Faults of a host that sends nothing meanwhile: nothing can have been delivered unseen.
DOWN = ("power_cut", "poweroff", "pause")
HIT = "hit"  # as `host` of an expected alert: the host of the fault


@dataclass(frozen=True)
class Alerts:
    """The alerts of a run: those that were expected, then the others. Counts are None where not all was observed.

    `times`: when each of `rows` entered its stages. `reasons`: by expected alert, what was wanted and found.
    """

    observed: bool = False
    rows: tuple[Alert, ...] = ()
    times: tuple[AlertTimes, ...] = ()
    reasons: tuple[tuple[Judged, str], ...] = ()
    unexpected: int | None = None
    delivered: int | None = None
    suppressed: int | None = None


@dataclass(frozen=True)
class Case:
    """An expected alert, and the faults of its step."""

    name: str
    within: int
    host: str | None
    optional: bool
    resolved_within: int | None
    faults: tuple[Fault, ...]

    @property
    def title(self) -> str:
        return f"{self.name} of {self.host}" if self.host else self.name

    @property
    def fault_at(self) -> int | None:
        return self.faults[0].injected if self.faults else None


def alerts(known: Basis) -> Alerts:
    """Judge the alerts of a run."""
    found = alerting(known.rec)
    if found.delivery is None:
        return Alerts()
    judge = _Judge(known, found)
    judged = [judge.expected(case) for case in _cases(known, found)]
    asked = {one.row.name for one in judged if one.row.asked == "expected"}
    shown = [one for one in judged if one.row.asked == "expected" or (one.row.name not in asked and any(one.times))]
    others = list(judge.others())
    seen = judge.seen_throughout
    fresh = judge.since(judge.zero)
    return Alerts(
        observed=True,
        rows=tuple(one.row for one in [*shown, *others]),
        times=tuple(one.times for one in [*shown, *others]),
        reasons=tuple(one.reason for one in judged if one.reason),
        unexpected=len(others) if seen else None,
        delivered=len(fresh.delivered) if seen else None,
        suppressed=len({active.labels for active in fresh.notifier if "suppressed" in active.first}) if seen else None,
    )


def _cases(known: Basis, found: Alerting) -> Iterator[Case]:
    """The expected alerts; those about the host that a fault hits, once for each such host."""
    began = [step.t for step in notes(known.rec, "step")]
    for item in found.expected:
        faults = tuple(_of_step(known.faults, began, item["step"]))
        hit = item.get("host") == HIT
        hosts = list(dict.fromkeys(fault.host for fault in faults if fault.host)) if hit else [item.get("host")]
        for host in hosts or [None]:
            yield Case(
                item["name"],
                round(item["within_ms"] * 1e6),
                host,
                bool(item.get("optional")),
                None if item.get("resolved_within_ms") is None else round(item["resolved_within_ms"] * 1e6),
                tuple(fault for fault in faults if not hit or fault.host == host),
            )


def _of_step(faults: Sequence[Fault], began: Sequence[int], step: int) -> Iterator[Fault]:
    """The faults that a step injected, counted from 1; 0: all of the run."""
    if step > len(began):
        return
    begin = began[step - 1] if step else 0
    end = began[step] if 0 < step < len(began) else None
    yield from (
        fault for fault in faults if begin <= fault.injected and (not step or end is None or fault.injected < end)
    )


class _Since(NamedTuple):
    """What began after a moment."""

    rules: list[Active]
    notifier: list[Active]
    delivered: list[Delivery]


class _Judge:
    """Judges the alerts of one run."""

    def __init__(self, known: Basis, found: Alerting) -> None:
        self.known = known
        self.found = found
        self.zero = known.fault_at or known.window.begin
        self.off: dict[str, list[Span]] = defaultdict(list)
        for fault in known.faults:
            if fault.host and fault.fault in DOWN and fault.proven:
                self.off[fault.host].append(Span(fault.injected, fault.healed or known.window.end))

    @property
    def seen_throughout(self) -> bool:
        return not self.found.blind(self.found.proofs, self.known.window, {})

    def since(self, t: int) -> _Since:
        """What became active after a moment, and was delivered after it; all of it in a run without a fault."""
        every = self.known.fault_at is None
        rules = [one for one in self.found.rules if one.begin > t or every]
        notifier = [one for one in self.found.notifier if one.begin > t or every]
        delivered = [one for one in self.found.deliveries if (one.begin > t and not self._was_active(one, t)) or every]
        return _Since(rules, notifier, delivered)

    def _was_active(self, delivery: Delivery, t: int) -> bool:
        """Whether what was delivered had been active before a moment, and still was."""
        same = [one for one in self.found.rules if one.alert == delivery.alert and one.labels <= delivery.labels]
        current = [one for one in same if one.begin <= delivery.begin and (one.end is None or one.end > t)]
        return any(one.begin <= t and (one.end is None or one.end > delivery.begin) for one in current)

    def about(self, labels: Labels, host: str | None) -> bool:
        """Whether labels name a host: by its name or its address, also with a port."""
        return host is None or host in self.hosts_in(labels)

    def hosts_in(self, labels: Labels) -> list[str]:
        values = {value.removeprefix("https://").removeprefix("http://").partition("/")[0] for _, value in labels}
        return [host.name for host in self.known.run.hosts if any(_names(value, host) for value in values)]

    # -- expected alerts

    def expected(self, case: Case) -> "_One":
        t0 = case.fault_at
        if t0 is None:
            text = f"{case.title}: wanted it delivered within {_text(case.within)} of its fault"
            verdict: Judged = "unknown"
            times, text = AlertTimes(), f"{text}, found that none was injected."
        else:
            times = self._times(case.name, case.host, t0)
            verdict, text = self._judged(case, times, t0)
        row = _row(case.name, case.host, case, times, t0 or 0, None if case.optional else verdict)
        return _One(row, times, None if case.optional else (verdict, text))

    def _times(self, name: str, host: str | None, t0: int) -> AlertTimes:
        fresh = self.since(t0)
        rules = [one for one in fresh.rules if one.alert == name and self.about(one.labels, host)]
        delivered, resolved = self._delivered(fresh, name, host)
        return AlertTimes(_first(rules, "pending"), _first(rules, "firing"), delivered, resolved)

    def _delivered(self, fresh: _Since, name: str, host: str | None) -> tuple[int | None, int | None]:
        """The first delivery of an alert, and its resolution."""
        if self.found.delivery == "received":
            sent = [one for one in fresh.delivered if one.alert == name and self.about(one.labels, host)]
            return (sent[0].begin, sent[0].resolved) if sent else (None, None)
        listed = [
            one
            for one in fresh.notifier
            if one.alert == name and "active" in one.first and self.about(one.labels, host)
        ]
        first = min(listed, key=lambda one: one.first["active"], default=None)
        return (first.first["active"], first.end) if first else (None, None)

    def _judged(self, case: Case, times: AlertTimes, t0: int) -> tuple[Judged, str]:
        wanted = f"{case.title}: wanted it delivered within {_text(case.within)} of the fault"
        if times.delivered is not None and times.delivered - t0 <= case.within:
            return self._resolved(case, times, f"{wanted}, found it delivered after {_text(times.delivered - t0)}")
        if times.delivered is None and self._before(case, t0):
            return "unknown", f"{wanted}, found that it was active before, which shows nothing."
        found = f"found that it {self._short_of(case, times, t0)}"
        if excuse := self._excuse(case, Span(t0, t0 + case.within)):
            return "unknown", f"{wanted}, {found}, which shows nothing because {excuse}."
        return "fail", f"{wanted}, {found}."

    def _resolved(self, case: Case, times: AlertTimes, text: str) -> tuple[Judged, str]:
        """The same for its resolution, where that is expected, too."""
        limit, healed = case.resolved_within, case.faults[-1].healed
        if limit is None:
            return "pass", f"{text}."
        text = f"{text}; wanted it resolved within {_text(limit)} of healing"
        if healed is None:
            return "unknown", f"{text}, found that the fault was never healed."
        if times.resolved is not None and times.resolved - healed <= limit:
            return "pass", f"{text}, found it resolved after {_text(max(0, times.resolved - healed))}."
        late = times.resolved is not None
        found = f"found it resolved after {_text((times.resolved or 0) - healed)}" if late else "found no resolution"
        if excuse := self._excuse(case, Span(healed, healed + limit)):
            return "unknown", f"{text}, {found}, which shows nothing because {excuse}."
        return "fail", f"{text}, {found}."

    def _before(self, case: Case, t0: int) -> bool:
        """Whether the alert was active when the fault was injected."""
        actives = [*self.found.rules, *self.found.notifier]
        same = [one for one in actives if one.alert == case.name and self.about(one.labels, case.host)]
        return any(one.begin <= t0 and (one.end is None or one.end > t0) for one in same)

    def _short_of(self, case: Case, times: AlertTimes, t0: int) -> str:
        """How far the alert came."""
        if times.delivered is not None:
            return f"was delivered after {_text(times.delivered - t0)}"
        if times.fired is not None:
            return f"fired after {_text(times.fired - t0)} and was not delivered"
        if times.pending is not None:
            return f"was pending after {_text(times.pending - t0)} and did not fire"
        return "was not raised"

    def _excuse(self, case: Case, span: Span) -> str | None:
        """Why a missing alert shows nothing about the monitoring; None if it does."""
        if not all(fault.proven for fault in case.faults):
            return "the fault was not proven effective"
        if any(fault.doubt for fault in case.faults):
            return "the fault did not last"
        if self.found.until < span.end:
            return f"the run ended {_text(max(0, self.found.until - span.begin))} later"
        blind = self.found.blind(self.found.proofs, span, self.off)
        return " and ".join(f"the {part} of {where} was not observed throughout" for where, part in blind) or None

    # -- other alerts

    def others(self) -> Iterator["_One"]:
        """The alerts that fired from the first fault on and were not expected, one for each host."""
        cases = list(_cases(self.known, self.found))
        rows: dict[tuple[str, str | None], list[Active]] = defaultdict(list)
        for one in self.since(self.zero).rules:
            hosts = self.hosts_in(one.labels)
            asked = any(case.name == one.alert and (case.host is None or case.host in hosts) for case in cases)
            if "firing" in one.first and not asked and self._in_window(one):
                rows[one.alert, hosts[0] if hosts else None].append(one)
        for name, host in rows:
            times = self._times(name, host, self.zero)
            yield _One(_row(name, host, None, times, self.zero, None), times, None)

    def _in_window(self, one: Active) -> bool:
        return one.first["firing"] <= self.known.window.end and (one.end is None or one.end > self.known.window.begin)


class _One(NamedTuple):
    """An alert: its row in the verdict, when it entered its stages, the reason that it gives."""

    row: Alert
    times: AlertTimes
    reason: tuple[Judged, str] | None


def _row(name: str, host: str | None, case: Case | None, times: AlertTimes, t0: int, verdict: Judged | None) -> Alert:
    since = {
        f"{stage}_ms": None if t is None else ms(max(0, t - t0))
        for stage, t in zip(AlertTimes._fields, times, strict=True)
    }
    asked: Any = "not expected" if case is None else "optional" if case.optional else "expected"
    within = None if case is None else ms(case.within)
    return Alert(name=name, host=host, asked=asked, verdict=verdict, within_ms=within, **since)


def _first(actives: Sequence[Active], state: str) -> int | None:
    return min((one.first[state] for one in actives if state in one.first), default=None)


def _names(value: str, host: HostFact) -> bool:
    names: Mapping[str, None] = dict.fromkeys(filter(None, (host.name, host.address)))
    return any(value == name or value.startswith(f"{name}:") for name in names)


def _text(ns: int) -> str:
    return text_of("_ms", ms(ns))

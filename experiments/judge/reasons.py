"""The reasons for a verdict: sentences, each with who, what was wanted and what was found."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from firedrill.experiments.judge.facts import Fault, Gap
from firedrill.experiments.judge.findings import Findings
from firedrill.experiments.judge.outages import Outage
from firedrill.experiments.judge.schema import Expectation, Judged
from firedrill.experiments.judge.spans import SECOND, Span
from firedrill.experiments.judge.units import text_of

WORST: tuple[Judged, ...] = ("pass", "unknown", "fail")
SAFETY = (
    "lost",
    "dual_primary_ms",
    "dual_holder_ms",
    "diverged",
)  # a fault that was not proven effective excuses other figures, never these
LEADERS = ("leader_before", "leader_after")
OPS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": lambda found, wanted: found <= wanted,
    ">=": lambda found, wanted: found >= wanted,
    "==": lambda found, wanted: found == wanted,
    "!=": lambda found, wanted: found != wanted,
    "is": lambda found, wanted: type(found) is type(wanted) and found == wanted,
}


@dataclass(frozen=True)
class Reason:
    """One sentence of `why`, and the verdict that it asks for. A headline comes first, whatever the verdict."""

    verdict: Judged
    text: str
    headline: bool = False


def why(reasons: Sequence[Reason]) -> tuple[Judged, tuple[str, ...]]:
    """The worst verdict asked for, and its sentences, the worst first; what held only where everything did."""
    asked: list[Judged] = [reason.verdict for reason in reasons]
    verdict: Judged = max(asked, key=WORST.index, default="unknown")
    wanted = [one for one in reversed(WORST) if one != "pass" or verdict == "pass"]
    ordered = [reason for one in wanted for reason in reasons if reason.verdict == one]
    return verdict, tuple(reason.text for reason in sorted(ordered, key=lambda reason: not reason.headline))


# -- expectations ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """What expectations are compared with.

    `figures`: as verdict.json has them. `never`: what was observed of the figures that are null because their outage
    did not end. `proven`: whether every fault was proven effective; `lasted`: whether it was until it was healed;
    `complete`: whether the run carried out all its steps; `mode`: one without failover that the cluster was in
    meanwhile; `hosts`: of the inventory. Unless all is well, only SAFETY figures can fail.
    """

    figures: Mapping[str, Any]
    never: Mapping[str, str]
    proven: bool
    complete: bool = True
    lasted: bool = True
    mode: str | None = None
    hosts: tuple[str, ...] = ()

    @property
    def excuse(self) -> str | None:
        """Why a figure that falls short shows nothing about the cluster; None if it does."""
        if not self.proven:
            return "the fault was not proven effective"
        if not self.lasted:
            return "the fault did not last"
        if self.mode:
            return f"the cluster was {self.mode}"
        return None if self.complete else "the steps were cut short"


def expect(item: Mapping[str, Any], measured: Measured) -> tuple[Expectation, Reason]:
    """Judge one expectation. A string in `wanted` that names a figure refers to that figure."""
    name, metric, op, wanted = item["name"], item["metric"], item["op"], item.get("wanted")
    verdict: Judged = "unknown"
    found, limit, note = None, wanted, ""
    try:
        found = look_up(measured.figures, metric)
        limit = _limit(measured, wanted)
        if metric in measured.never and found is None:
            verdict, note = "fail", f": {measured.never[metric]}"
        elif found is not None and limit is not None:
            if op != "is":
                _check_kinds(metric, found, limit, measured)
            verdict = "pass" if OPS[op](found, limit) else "fail"
        else:
            note = f": {wanted} was not observed" if found is not None else ""
    except KeyError as error:
        note = f": there is no {'operator' if error.args[0] == op else 'figure'} of that name"
    except TypeError as error:
        note = f": cannot be compared ({error})"
    if verdict == "fail" and measured.excuse and metric not in SAFETY:
        verdict, note = "unknown", f"{note}, which shows nothing because {measured.excuse}"
    entry = Expectation(name=name, metric=metric, op=op, verdict=verdict, wanted=wanted, found=found)
    shown = "no end" if metric in measured.never and found is None else text_of(metric, found)
    return entry, Reason(verdict, f"{name}: wanted {metric} {op} {text_of(metric, limit)}, found {shown}{note}.")


def _limit(measured: Measured, wanted: Any) -> Any:
    """What `wanted` stands for: the figure of that (dotted) name, or itself."""
    try:
        return look_up(measured.figures, wanted) if isinstance(wanted, str) else wanted
    except KeyError:
        return wanted


def _check_kinds(metric: str, found: Any, limit: Any, measured: Measured) -> None:
    """TypeError for values that say nothing about each other: then `!=` would hold whatever happened."""
    if _kind(found) != _kind(limit):
        raise TypeError(f"{_kind(found)} with {_kind(limit)}")
    if metric in LEADERS and limit not in {*measured.hosts, *(measured.figures.get(name) for name in LEADERS)}:
        raise TypeError(f"{limit} is neither a figure nor a host")


def _kind(value: Any) -> str:
    """What can be compared with each other."""
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list"}
    return kinds.get(type(value), "a figure with parts")


def look_up(figures: Mapping[str, Any], metric: str) -> Any:
    """The figure of a (dotted) name; None where it or its whole was not observed. KeyError for no figure."""
    found: Any = figures
    for name in metric.split("."):
        if found is None:
            return None
        if not isinstance(found, Mapping):
            raise KeyError(metric)
        found = found[name]
    return found


def expectations(findings: Findings, measured: Measured) -> tuple[tuple[Expectation, ...], list[Reason]]:
    """Every expectation and its reason. A run that expects nothing cannot pass."""
    mode = next((mode for _, mode in findings.membership.modes), None)
    hosts = tuple(host.name for host in findings.run.hosts)
    measured = replace(measured, complete=findings.end is None or findings.end.steps_done, mode=mode, hosts=hosts)
    judged = [
        expect(_bounded(item, findings.coordinator_lost, measured), measured) for item in findings.run.expectations
    ]
    reasons = [reason for _, reason in judged]
    if not judged:
        reasons = [Reason("unknown", f"{findings.run.experiment}: states no expectations, wanted one or more.")]
    return tuple(entry for entry, _ in judged), reasons


def _bounded(item: Mapping[str, Any], lost: bool | None, measured: Measured) -> Mapping[str, Any]:
    """The expectation with the bound that the recording calls for: whether the coordinator's leader was hit, too.

    Where that is not known, and it decides, there is no bound: the expectation is then *unknown*.
    """
    wider = item.get("if_coordinator_lost")
    if wider is None or lost is False:
        return item
    found = look_up(measured.figures, item["metric"]) if lost is None else None
    if found is not None and found <= item["wanted"]:
        return item
    if found is not None and found <= wider:
        return {**item, "wanted": None}
    return {**item, "wanted": wider}


def never_ended(findings: Findings, outage: Outage) -> str | None:
    """What was observed of an outage that did not end; None for one that did, or that was not observed."""
    if outage.state != "never" or outage.span is None or findings.fault_at is None:
        return None
    last, end = ((at - findings.fault_at) / SECOND for at in outage.span)
    return f"the last success was {last:+.2f} s from the fault, observed until {end:+.2f} s"


def alerts(findings: Findings) -> list[Reason]:
    """Every expected alert."""
    return [Reason(verdict, text) for verdict, text in findings.alerts.reasons]


# -- the run ---------------------------------------------------------------------------------------------


def other_reasons(findings: Findings) -> list[Reason]:
    """All other reasons why the run does not pass."""
    return [
        *_left_changed(findings),
        *_membership(findings),
        *_fence(findings),
        *_faults(findings),
        *_steady_states(findings),
        *_gaps(findings),
        *(Reason("unknown", text) for text in findings.writes.hindered),
    ]


def _left_changed(findings: Findings) -> Iterator[Reason]:
    if findings.left_changed:
        yield Reason("unknown", f"The cluster is left changed: {findings.left_changed}.", headline=True)


def _membership(findings: Findings) -> Iterator[Reason]:
    """A member that nobody watched, and a mode in which the cluster does not fail over, are causes: they come first."""
    for name in findings.membership.unwatched:
        text = f"{name} is a member of the cluster and was not watched: wanted every member that may lead to be watched"
        yield Reason("unknown", f"{text}, so two primaries, forks and lost writes cannot be ruled out.", headline=True)
    for t, mode in findings.membership.modes:
        at = (t - findings.window.begin) / SECOND
        yield Reason("unknown", f"The cluster was {mode} from {at:+.2f} s: it does not fail over then.", headline=True)


def _fence(findings: Findings) -> Iterator[Reason]:
    """A drill of a cluster whose fence did not run makes no claim about the fence."""
    if findings.fence is not None and not findings.fence.agents:
        text = "wanted agents that act before the first fault, found none: the run says nothing about the fence"
        yield Reason("unknown", f"The fence: {text}.", headline=True)


def _faults(findings: Findings) -> Iterator[Reason]:
    """Every fault must be proven effective, and its host proven clean again: both are claims about us."""
    if not findings.faults and not findings.run.quiet:
        yield Reason("unknown", f"{findings.run.experiment}: no fault was injected, wanted one or more.")
    for fault in findings.faults:
        yield from _fault(fault)
    injected = {fault.id for fault in findings.faults}
    for event in {event.id: event for event in findings.fault_events if event.id not in injected}.values():
        who = f"{event.fault} of {event.host or event.target}"
        yield Reason("unknown", f"{who}: wanted a record of its injection, found only {event.phase} ({event.detail}).")


def _fault(fault: Fault) -> Iterator[Reason]:
    who = f"{fault.fault} of {fault.host or fault.target}"
    details = {event.phase: event.detail for event in fault.phases}
    if not fault.proven:
        found = details.get("not_effective", "no proof")
        yield Reason("unknown", f"{who}: wanted proof of its effect, found {found}.")
    if doubt := fault.doubt:
        after = f"{(doubt.t - fault.injected) / SECOND:.1f} s after its injection"
        found = "that it had ended by" if doubt.phase == "lapsed" else "that it could not be observed"
        text = f"{who}: wanted its effect to last until it was healed, found {found} {after} ({doubt.detail})."
        yield Reason("unknown", text)
    last = fault.last_check
    if last is None:
        yield Reason("unknown", f"{who}: wanted proof that it was healed, found none.")
    elif last.phase == "not_clean":
        found = last.detail or "changes left behind"
        yield Reason("unknown", f"{who}: wanted a clean host after healing, found {found}.")


def _steady_states(findings: Findings) -> Iterator[Reason]:
    """The steady state must be observed before and after. While a fault may be active, its absence shows nothing."""
    healed = all(fault.last_check for fault in findings.faults) and not findings.membership.modes
    states: tuple[tuple[str, Judged], ...] = (("before", "unknown"), ("after", "fail" if healed else "unknown"))
    for phase, verdict in states:
        steady = findings.before if phase == "before" else findings.after
        if steady is None:
            yield Reason("unknown", f"Steady state {phase}: wanted an observation, found none.")
        elif not steady.ok:
            found = steady.detail or "an unhealthy one"
            yield Reason(verdict, f"Steady state {phase}: wanted a healthy cluster, found {found}.")


def ended_early(findings: Findings) -> Iterator[Reason]:
    """What ended the run before its last step: the cause of whatever else was not observed."""
    end = findings.end
    if end is None or not end.ok:
        found = (end.detail or "an aborted run") if end else "no end event"
        yield Reason("unknown", f"The run: wanted it to complete, found {found}.")
    elif not end.steps_done:
        yield Reason("unknown", "The run: wanted all its steps to be executed, found that some were not.")
    elif errors := [note for note in findings.broken_off if note.t <= end.t]:  # later: the judge or the report
        yield Reason("unknown", f"The run: wanted no error in any of its parts, found {errors[0].text}.")


def _gaps(findings: Findings) -> Iterator[Reason]:
    """The gaps within the window, and one reason for all that a suspension left."""
    within = [gap for gap in findings.gaps if gap.span.touches(findings.window) or not gap.started]
    asleep = [pause for pause in findings.pauses if pause.process is None and pause.span.touches(findings.window)]
    if findings.lost_ms is not None:
        lost = f"{findings.lost_ms / 1000:.2f} s"
        yield Reason("unknown", f"The controller: wanted it to run throughout, found that it lost {lost} to all hosts.")
    for pause in asleep:
        text = f"wanted it to run throughout, found it suspended for {pause.size / SECOND:.2f} s"
        yield Reason("unknown", f"The controller: {text} {_from(findings, pause.span)}.")
    yield from (_gap(findings, gap) for gap in within if gap.cause != "suspended")


def _from(findings: Findings, span: Span) -> str:
    return f"from {(span.begin - findings.window.begin) / SECOND:+.2f} s"


def _gap(findings: Findings, gap: Gap) -> Reason:
    """An observer must record samples, of each of its hosts, from the first fault until the steady state after."""
    if not gap.started:
        return Reason("unknown", f"{gap.observer}: wanted an observer of the run, found that it never started.")
    about, when = f" of {gap.host}" if gap.host else "", _from(findings, gap.span)
    wanted, found = gap.limit / SECOND, gap.span.length / SECOND
    if gap.cause == "stalled":
        text = f"{gap.observer}: wanted it to run throughout, found that it stalled for {found:.2f} s"
    else:
        text = f"{gap.observer}: wanted a sample{about} every {wanted:.3g} s, found a gap of {found:.2f} s"
    return Reason("unknown", f"{text} {when}{f' ({gap.error})' if gap.error else ''}.")

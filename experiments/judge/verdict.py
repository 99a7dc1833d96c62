"""Decide from a run's findings alone whether its expectations held, and say why.

Anything that was not observed makes the verdict *unknown*, never *pass*, and so does a crash of the judge itself.
"""

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from firedrill.experiments.judge import reasons, recorded
from firedrill.experiments.judge.findings import Findings, find
from firedrill.experiments.judge.recording import Event, record
from firedrill.experiments.judge.remarks import remarks
from firedrill.experiments.judge.schema import Verdict as Verdict

NO_FIGURES = ("format", "experiment", "title", "verdict", "why", "expectations", "alerts", "seed", "versions", "notes")


@dataclass(frozen=True)
class Assessment:
    """A judged run. `findings` are None where they could not be made; the verdict is then *unknown*."""

    findings: Findings | None
    verdict: Verdict


def judge(findings: Findings) -> Verdict:
    """The verdict on a run."""
    outages = {"rto_ms": findings.write_outage, "read_outage_ms": findings.read_outage}
    never = {name: text for name, outage in outages.items() if (text := reasons.never_ended(findings, outage))}
    figures = measured(findings)
    known = {name: value for name, value in figures.to_json().items() if name not in NO_FIGURES}
    proven = bool(findings.faults or findings.run.quiet) and all(fault.proven for fault in findings.faults)
    lasted = not any(fault.doubt for fault in findings.faults)
    judged, held = reasons.expectations(findings, reasons.Measured(known, never, proven, lasted=lasted))
    verdict, why = reasons.why(
        [*reasons.ended_early(findings), *held, *reasons.alerts(findings), *reasons.other_reasons(findings)]
    )
    return replace(figures, verdict=verdict, why=why, expectations=judged)


def measured(findings: Findings) -> Verdict:
    """Every figure of a verdict that is not decided yet."""
    before, after = findings.before, findings.after
    writes, errors, recovery = findings.writes, findings.errors, findings.recovery
    return Verdict(
        experiment=findings.run.experiment,
        title=findings.run.title,
        verdict="unknown",
        why=(),
        rto_ms=findings.write_outage.ms,
        read_outage_ms=findings.read_outage.ms,
        acked=writes.acked,
        failed=writes.failed,
        unknown_writes=writes.unknown,
        lost=writes.lost,
        lost_ids=writes.lost_ids,
        ghost=writes.ghost,
        dual_primary_ms=findings.dual_primary_ms,
        dual_primary=findings.dual_primary,
        dual_holder_ms=findings.dual_holder_ms,
        dual_holder=findings.dual_holder,
        phases=findings.phases,
        user_errors=errors.errors,
        user_requests=errors.requests,
        user_not_sent=errors.not_sent,
        unwatched=findings.membership.unwatched,
        leader_before=before.leader if before else None,
        leader_after=after.leader if after else None,
        timeline_before=before.epoch if before else None,
        timeline_after=after.epoch if after else None,
        fault_at=findings.fault_at,
        predicted=findings.predicted,
        tcp=findings.tcp,
        fence=findings.fence,
        before=findings.felt_before,
        during=findings.felt_during,
        levels=findings.levels,
        write_errors=errors.write,
        read_errors=errors.read,
        errors_after_heal=errors.after_heal,
        leader_changes=recovery.leader_changes,
        rejoin_ms=recovery.rejoin_ms,
        sync_replaced_ms=recovery.sync_replaced_ms,
        caught_up_ms=recovery.caught_up_ms,
        caught_up_by=recovery.caught_up_by,
        down_after_ms=recovery.down_after_ms,
        back_after_heal_ms=recovery.back_after_heal_ms,
        diverged=findings.diverged,
        diverged_timelines=findings.forks,
        alerts=findings.alerts.rows,
        alerts_unexpected=findings.alerts.unexpected,
        alerts_delivered=findings.alerts.delivered,
        alerts_suppressed=findings.alerts.suppressed,
        steady_before=before.ok if before else None,
        steady_after=after.ok if after else None,
        seed=findings.run.seed,
        versions=findings.run.versions or None,
        notes=remarks(findings),
    )


def judge_events(events: Iterable[Event]) -> Verdict:
    """The verdict on the run that these events record. ValueError where they are not the events of one run."""
    return assess(events).verdict


def assess(events: Iterable[Event]) -> Assessment:
    """Judge a run. ValueError where the events are not those of one run; any other error is a verdict *unknown*."""
    rec = record(events)
    findings = None
    try:
        findings = find(rec)
        return Assessment(findings, judge(findings))
    except Exception as error:  # noqa: BLE001 - a crash of the judge is *unknown*
        return Assessment(findings, crashed(rec.of("runner", "run")[0], "The judge", error))


def crashed(run: Mapping[str, Any], part: str, error: BaseException) -> Verdict:
    """The verdict on a run that could not be judged: `run` is its first event, as far as that is known."""
    found = f"{type(error).__name__}: {error}".removesuffix(": ")
    name = run.get("experiment") or "unknown"
    return Verdict(
        experiment=name,
        title=run.get("title") or name,
        verdict="unknown",
        why=(f"{part}: wanted a verdict, found {found}; this is a defect of Firedrill, please report it.",),
        seed=run.get("seed"),
        versions=recorded.texts(run.get("versions")) or None,
        notes=("".join(traceback.format_exception(error)),),
    )

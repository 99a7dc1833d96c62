"""The figures of a run in sentences. Each comes from the findings and the verdict; nothing is judged here."""

from typing import Any

from firedrill.experiments.judge.findings import Findings
from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.judge.units import text_of
from firedrill.experiments.report import alerts
from firedrill.experiments.report.caveats import durability_sentences
from firedrill.experiments.report.clock import Clock, capital

PHASES = {"detect": "detecting the failure", "promote": "promoting a new leader", "route": "rerouting clients"}
MOST_IDS = 10


def phase_lengths(verdict: Verdict) -> dict[str, float]:
    """The phases of the time from the fault to the first write on the new leader, ms; empty unless all are known."""
    lengths = {name: getattr(verdict.phases, f"{name}_ms") for name in PHASES}
    return {} if None in lengths.values() else lengths


def shares(verdict: Verdict) -> list[dict[str, Any]]:
    """The phases as rows: name, length, share of their sum."""
    lengths = phase_lengths(verdict)
    total = sum(lengths.values())
    return [
        {"name": name, "text": text_of("_ms", value), "percent": round(100 * value / total, 1)}
        for name, value in lengths.items()
    ]


def analysis(findings: Findings, verdict: Verdict, clock: Clock) -> list[str]:
    """What the figures say, in order: writes, phases, prediction, losses, primaries, users, recovery, alerts."""
    found = [
        outage_sentence(findings, clock),
        phase_sentence(findings, verdict),
        prediction_sentence(findings, verdict),
        fence_sentence(verdict),
        loss_sentence(verdict),
        *durability_sentences(findings),
        ghost_sentence(verdict),
        primary_sentence(verdict, clock),
        holder_sentence(verdict, clock),
        users_sentence(findings, verdict, clock),
        recovery_sentence(findings, clock),
        leadership_sentence(findings),
        alerts.sentence(findings, verdict),
    ]
    return [sentence for sentence in found if sentence]


def outage_sentence(findings: Findings, clock: Clock) -> str:
    found = findings.write_outage
    if found.span is None or found.state == "unseen":
        return "The length of the write outage was not observed."
    last = f"the last write was acknowledged at {clock.since(found.span.begin)}"
    if found.state == "never":
        return f"Writes never recovered: {last}, and attempts kept failing until {clock.since(found.span.end)}."
    out = text_of("rto_ms", found.ms)
    return f"Writes were unavailable for {out}: {last}, the next one at {clock.since(found.span.end)}."


def phase_sentence(findings: Findings, verdict: Verdict) -> str:
    """How the outage divides; nothing without a failover, which leadership_sentence reports."""
    if not (parts := shares(verdict)):
        if leadership_sentence(findings):
            return ""
        missing = [name for name in PHASES if getattr(verdict.phases, f"{name}_ms") is None]
        return f"The phases of the outage were not fully observed: {', '.join(missing)} missing."
    texts = [f"{PHASES[part['name']]} took {part['text']} ({part['percent']:.0f} %)" for part in parts]
    total = text_of("_ms", sum(phase_lengths(verdict).values()))
    return (
        f"Of the {total} from the fault to the first write on the new leader, "
        f"{texts[0]}, {texts[1]} and {texts[2]}.{_two_beginnings(total, text_of('rto_ms', verdict.rto_ms))}"
    )


def _two_beginnings(total: str, rto: str) -> str:
    """Why the phases do not add up to the write outage."""
    if total == rto:
        return ""
    return f" The phases begin with the fault; the write outage ({rto}) begins with the last acknowledged write."


def prediction_sentence(findings: Findings, verdict: Verdict) -> str:
    if not verdict.predicted:
        return ""
    low, high = verdict.predicted.rto_ms
    terms = ", ".join(f"{name} {_range(*span)}" for name, span in findings.prediction_terms.terms.items())
    model = f"The timing model predicts a write outage of {_range(low, high)}{f' ({terms})' if terms else ''}"
    found = verdict.rto_ms
    if found is None:
        return f"{model}; no outage was measured to compare with it."
    if low <= found <= high:
        return f"{model}; the measured {text_of('_ms', found)} is within this range."
    off = text_of("_ms", low - found if found < low else found - high)
    longer = f"the measured {text_of('_ms', found)} is {off} {'shorter' if found < low else 'longer'}"
    return f"{model}; {longer}{blamed(findings, verdict)}."


def blamed(findings: Findings, verdict: Verdict) -> str:
    """The phase that is furthest from what the model expects of it, and the model's terms for it."""
    off: dict[str, float] = {}
    for phase in PHASES:
        found, expected = getattr(verdict.phases, f"{phase}_ms"), findings.prediction_terms.sum_of(phase)
        if found is not None and expected is not None:
            off[phase] = max(expected[0] - found, found - expected[1], 0)
    phase = max(off, key=lambda name: off[name], default="")
    expected = findings.prediction_terms.sum_of(phase)
    if expected is None or not off[phase]:
        return ", which no single phase explains"
    took = text_of("_ms", getattr(verdict.phases, f"{phase}_ms"))
    terms = ", ".join(findings.prediction_terms.of(phase))
    return f": {PHASES[phase]} took {took}, expected {_range(*expected)} ({terms})"


def fence_sentence(verdict: Verdict) -> str:
    """What the fence did; nothing on a cluster without one."""
    found = verdict.fence
    if found is None:
        return ""
    if found.released is None:
        return "What the fence decided was not fully observed."
    if not found.released:
        declined = f" It declined {found.declined} times." if found.declined else ""
        return f"The fence ended no leadership.{declined}"
    once = found.released == 1
    which = "the old leadership" if once else f"a leadership {found.released} times"
    when = f"{'' if once else ', the first time'} {text_of('_ms', found.decide_ms)} after the fault"
    return f"The fence ended {which}{when if found.decide_ms is not None else ''}."


def _range(low: float, high: float) -> str:
    return text_of("_ms", low) if low == high else text_of("_ms", [low, high])


def loss_sentence(verdict: Verdict) -> str:
    if verdict.lost is None:
        return "Whether acknowledged writes were lost was not fully observed."
    acked = "Of the acknowledged writes" if verdict.acked is None else f"Of {verdict.acked:,} acknowledged writes"
    if not verdict.lost:
        return f"{acked}, none is missing from the tables."
    ids = [f"{table} {i}" for table, found in verdict.lost_ids.items() for i in found]
    named = ", ".join(ids[:MOST_IDS]) + (f" and {len(ids) - MOST_IDS:,} more" if len(ids) > MOST_IDS else "")
    return f"{acked}, {verdict.lost:,} {'is' if len(ids) == 1 else 'are'} missing from the tables: {named}."


def ghost_sentence(verdict: Verdict) -> str:
    if verdict.failed is None or verdict.unknown_writes is None:
        return ""
    counts = f"{verdict.failed:,} writes failed, and the outcome of {verdict.unknown_writes:,} is unknown"
    if verdict.ghost is None:
        return f"{counts}."
    number = f"{verdict.ghost or 'none'} of these {'are' if verdict.ghost > 1 else 'is'}"
    return f"{counts}; {number} in the tables (ghost writes: not a fault of the cluster, clients must expect them)."


def primary_sentence(verdict: Verdict, clock: Clock) -> str:
    if verdict.dual_primary_ms is None:
        return "Whether two nodes accepted writes at the same time was not fully observed."
    if not verdict.dual_primary:
        return "No two nodes accepted writes at the same time."
    first = verdict.dual_primary[0]
    both, total = " and ".join(first.nodes), text_of("_ms", verdict.dual_primary_ms)
    return f"{both} both accepted writes from {clock.since(first.from_)} on; two primaries for {total} in total."


def holder_sentence(verdict: Verdict, clock: Clock) -> str:
    if not verdict.dual_holder:
        return ""
    first = verdict.dual_holder[0]
    both, total = " and ".join(first.proxies), text_of("_ms", verdict.dual_holder_ms)
    return (
        f"{both} both held the floating address from {clock.since(first.from_)} on; two holders for {total} in total."
    )


def users_sentence(findings: Findings, verdict: Verdict, clock: Clock) -> str:
    if not findings.requests:
        return ""
    if verdict.user_errors is None or verdict.user_requests is None:
        return "What users experienced was not fully observed."
    slow = max(findings.requests, key=lambda attempt: attempt.t - attempt.due)
    share = 100 * verdict.user_errors / max(verdict.user_requests, 1)
    found = (
        f"Users sent {verdict.user_requests:,} requests (a retry counts as one more); {verdict.user_errors:,} "
        f"({share:.1f} %) did not succeed. The longest wait was {text_of('_ms', (slow.t - slow.due) / 1e6)}, for a "
        f"{slow.method} that was due at {clock.since(slow.due)} ({slow.outcome}).{_not_sent(verdict)}"
    )
    if verdict.read_outage_ms is None:
        return found
    return f"{found} The longest time without a successful read was {text_of('_ms', verdict.read_outage_ms)}."


def _not_sent(verdict: Verdict) -> str:
    if not verdict.user_not_sent:
        return ""
    return (
        f" The rate was not reached: {verdict.user_not_sent:,} of these requests were not sent, because too many were "
        "in progress or the load generator was too slow."
    )


def recovery_sentence(findings: Findings, clock: Clock) -> str:
    recovered, steady = findings.phases.recover95_ms, findings.after
    found = []
    if recovered is not None:
        found.append(f"user traffic was back at 95 % of its baseline {text_of('_ms', recovered)} after the fault")
    if steady and steady.ok:
        found.append(f"the steady state was reached at {clock.since(steady.t)} with {steady.leader} as leader")
    return capital(" and ".join(found)) + "." if found else ""


def leadership_sentence(findings: Findings) -> str:
    """That no failover took place; empty if one did, or if leadership was not observed."""
    if findings.fault_at is None or not findings.leadership or findings.failover.released is not None:
        return ""
    who = findings.holder_at(findings.fault_at)
    return f"{who} kept the leadership: no failover took place." if who else "No node held the leadership."

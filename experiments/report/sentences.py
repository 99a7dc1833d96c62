"""The figures of a run in sentences. Each comes from the recording and the verdict; nothing is judged here."""

from typing import Any

from firedrill.experiments.judge.figures import moments, write_outage
from firedrill.experiments.judge.recording import Recording, holder, leader_history
from firedrill.experiments.judge.verdict import text_of
from firedrill.experiments.report.clock import Clock, capital
from firedrill.experiments.report.series import due

PHASES = {"detect": "detecting the failure", "promote": "promoting a new leader", "route": "rerouting clients"}
MOST_IDS = 10


def shares(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """The phases of the time from the fault to the first write on the new leader; empty unless all were observed."""
    parts = {name: verdict["phases"][f"{name}_ms"] for name in PHASES}
    if None in parts.values():
        return []
    total = sum(parts.values())
    return [
        {"name": name, "text": text_of("_ms", value), "percent": round(100 * value / total, 1)}
        for name, value in parts.items()
    ]


def analysis(rec: Recording, verdict: dict[str, Any], clock: Clock) -> list[str]:
    """What the figures say, in order: writes, phases, prediction, losses, primaries, users, recovery, leadership."""
    found = [
        outage_sentence(rec, verdict, clock),
        phase_sentence(rec, verdict),
        prediction_sentence(rec, verdict),
        loss_sentence(verdict),
        ghost_sentence(verdict),
        primary_sentence(verdict, clock),
        users_sentence(rec, verdict, clock),
        recovery_sentence(rec, verdict, clock),
        leadership_sentence(rec),
    ]
    return [sentence for sentence in found if sentence]


def outage_sentence(rec: Recording, verdict: dict[str, Any], clock: Clock) -> str:
    found = write_outage(rec)
    if found.span is None or found.state == "unseen":
        return "The length of the write outage was not observed."
    last = f"the last write was acknowledged at {clock.since(found.span.begin)}"
    if found.state == "never":
        return f"Writes never recovered: {last}, and attempts kept failing until {clock.since(found.span.end)}."
    out = text_of("rto_ms", verdict["rto_ms"])
    return f"Writes were unavailable for {out}: {last}, the next one at {clock.since(found.span.end)}."


def phase_sentence(rec: Recording, verdict: dict[str, Any]) -> str:
    """How the outage divides; nothing without a failover, which leadership_sentence reports."""
    parts = shares(verdict)
    if not parts and leadership_sentence(rec):
        return ""
    if not parts:
        missing = [name for name in PHASES if verdict["phases"][f"{name}_ms"] is None]
        return f"The phases of the outage were not fully observed: {', '.join(missing)} missing."
    texts = [f"{PHASES[part['name']]} took {part['text']} ({part['percent']:.0f} %)" for part in parts]
    total = sum(verdict["phases"][f"{name}_ms"] for name in PHASES)
    return (
        f"Of the {text_of('_ms', total)} from the fault to the first write on the new leader, "
        f"{texts[0]}, {texts[1]} and {texts[2]}.{_two_beginnings(total, verdict['rto_ms'])}"
    )


def _two_beginnings(total: float, rto: float | None) -> str:
    """Why the phases do not add up to the write outage."""
    if rto is None or text_of("_ms", total) == text_of("_ms", rto):
        return ""
    return (
        f" The write outage of {text_of('_ms', rto)} is another measure: it begins with the last acknowledged write, "
        "the phases begin with the fault."
    )


def prediction_sentence(rec: Recording, verdict: dict[str, Any]) -> str:
    if not verdict["predicted"]:
        return ""
    low, high = verdict["predicted"]["rto_ms"]
    profile = rec.run["profile"]
    model = (
        f"The timing model (ttl {profile['ttl']} s, loop_wait {profile['loop_wait']} s) predicts a write outage of "
        f"{text_of('_ms', low)} to {text_of('_ms', high)}"
    )
    found = verdict["rto_ms"]
    if found is None:
        return f"{model}; no outage was measured to compare with it."
    if low <= found <= high:
        return f"{model}; the measured {text_of('_ms', found)} is within this range."
    off = text_of("_ms", low - found if found < low else found - high)
    return f"{model}; the measured {text_of('_ms', found)} is {off} {'shorter' if found < low else 'longer'}."


def loss_sentence(verdict: dict[str, Any]) -> str:
    if verdict["lost"] is None:
        return "Whether acknowledged writes were lost was not fully observed."
    acked = "Of the acknowledged writes" if verdict["acked"] is None else f"Of {verdict['acked']:,} acknowledged writes"
    if not verdict["lost"]:
        return f"{acked}, none is missing from the tables."
    ids = [f"{table} {i}" for table, found in verdict["lost_ids"].items() for i in found]
    named = ", ".join(ids[:MOST_IDS]) + (f" and {len(ids) - MOST_IDS:,} more" if len(ids) > MOST_IDS else "")
    return f"{acked}, {verdict['lost']:,} {'is' if len(ids) == 1 else 'are'} missing from the tables: {named}."


def ghost_sentence(verdict: dict[str, Any]) -> str:
    if verdict["failed"] is None or verdict["unknown_writes"] is None:
        return ""
    counts = f"{verdict['failed']:,} writes failed, and the outcome of {verdict['unknown_writes']:,} is unknown"
    if verdict["ghost"] is None:
        return f"{counts}."
    number = f"{verdict['ghost'] or 'none'} of these {'are' if verdict['ghost'] > 1 else 'is'}"
    return f"{counts}; {number} in the tables (ghost writes: not a fault of the cluster, clients must expect them)."


def primary_sentence(verdict: dict[str, Any], clock: Clock) -> str:
    if verdict["dual_primary_ms"] is None:
        return "Whether two nodes accepted writes at the same time was not fully observed."
    if not verdict["dual_primary"]:
        return "No two nodes accepted writes at the same time."
    first = verdict["dual_primary"][0]
    both, total = " and ".join(first["nodes"]), text_of("_ms", verdict["dual_primary_ms"])
    return f"{both} both accepted writes from {clock.since(first['from'])} on; two primaries for {total} in total."


def users_sentence(rec: Recording, verdict: dict[str, Any], clock: Clock) -> str:
    requests = rec.of("locust", "request")
    if verdict["user_errors"] is None or not requests:
        return "What users experienced was not fully observed." if requests else ""
    slow, reads = max(requests, key=lambda e: e["t"] - due(e)), verdict["read_outage_ms"]
    share = 100 * verdict["user_errors"] / max(verdict["user_requests"], 1)
    took = text_of("_ms", (slow["t"] - due(slow)) / 1e6)
    counts = (
        f"Users sent {verdict['user_requests']:,} requests (a retry counts as one more); {verdict['user_errors']:,} "
        f"({share:.1f} %) did not succeed. The longest wait was {took}, for a {slow['method']} that was due at "
        f"{clock.since(due(slow))} ({slow['outcome']})."
    )
    if reads is None:
        return counts
    return f"{counts} The longest time without a successful read was {text_of('_ms', reads)}."


def recovery_sentence(rec: Recording, verdict: dict[str, Any], clock: Clock) -> str:
    recovered, steady = verdict["phases"]["recover95_ms"], rec.steady("after")
    found = []
    if recovered is not None:
        found.append(f"user traffic was back at 95 % of its baseline {text_of('_ms', recovered)} after the fault")
    if steady and steady["ok"]:
        found.append(
            f"the steady state was reached at {clock.since(steady['t'])} with {steady.get('leader')} as leader"
        )
    return capital(" and ".join(found)) + "." if found else ""


def leadership_sentence(rec: Recording) -> str:
    """That no failover took place; empty if one did, or if leadership was not observed."""
    history, when = leader_history(rec), moments(rec)
    if rec.fault_at is None or not history or when.key_gone is not None:
        return ""
    who = holder(history, rec.fault_at)
    return f"{who} kept the leadership: no failover took place." if who else "No node held the leadership."

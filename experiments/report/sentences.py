"""What a run's figures say, in sentences: each is made of the events and the verdict, and nothing is judged here.

Times are told from the first fault's injection, and in UTC.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from firedrill.experiments.judge.figures import moments, write_outage
from firedrill.experiments.judge.recording import SECOND, Recording, holder, leader_history
from firedrill.experiments.judge.verdict import text_of


@dataclass(frozen=True)
class Clock:
    """Tells moments as people do: from the first fault, and in UTC."""

    zero: int

    def since(self, t: int) -> str:
        return f"{(t - self.zero) / SECOND:+.2f} s".replace("-", "−")

    def utc(self, t: int) -> str:
        return datetime.fromtimestamp(t // 1000 / 1e6, UTC).strftime("%H:%M:%S.%f")[:-3]

    def day(self, t: int) -> str:
        return datetime.fromtimestamp(t // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def capital(text: str, hosts: Collection[str] = ()) -> str:
    """Sentences begin with a capital, host names stay as they are."""
    return text if text.split()[0] in hosts else text[0].upper() + text[1:]


def shares(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """How the time from the fault to the first write on the new leader divides; empty unless all of it was seen."""
    parts = {name: verdict["phases"][f"{name}_ms"] for name in ("detect", "promote", "route")}
    if None in parts.values():
        return []
    total = sum(parts.values())
    return [
        {"name": name, "text": text_of("_ms", value), "percent": round(100 * value / total, 1)}
        for name, value in parts.items()
    ]


def analysis(rec: Recording, verdict: dict[str, Any], clock: Clock) -> list[str]:
    """What the figures say, one sentence or two each."""
    said = [
        outage_sentence(rec, verdict, clock),
        phase_sentence(rec, verdict),
        prediction_sentence(rec, verdict),
        loss_sentence(verdict),
        ghost_sentence(verdict),
        primary_sentence(verdict, clock),
        users_sentence(rec, verdict, clock),
        recovery_sentence(rec, verdict, clock),
        etcd_sentence(rec),
    ]
    return [sentence for sentence in said if sentence]


def outage_sentence(rec: Recording, verdict: dict[str, Any], clock: Clock) -> str:
    found = write_outage(rec)
    if found.span is None or found.state == "unseen":
        return "How long writes were out was not observed."
    last = f"the last one was acknowledged at {clock.since(found.span.begin)}"
    if found.state == "never":
        return f"Writes never came back: {last}, and attempts went on failing until {clock.since(found.span.end)}."
    out = text_of("rto_ms", verdict["rto_ms"])
    return f"Writes were out for {out}: {last}, the next one at {clock.since(found.span.end)}."


def phase_sentence(rec: Recording, verdict: dict[str, Any]) -> str:
    """How the outage divides; nothing where no failover took place, which etcd_sentence tells."""
    parts = shares(verdict)
    if not parts and etcd_sentence(rec):
        return ""
    if not parts:
        missing = [name for name in ("detect", "promote", "route") if verdict["phases"][f"{name}_ms"] is None]
        return f"How the outage divides was not observed in full: {', '.join(missing)} missing."
    doing = {
        "detect": "noticing that the leader was gone",
        "promote": "promoting another",
        "route": "leading clients to it",
    }
    texts = [f"{doing[p['name']]} took {p['text']} ({p['percent']:.0f} %)" for p in parts]
    total = text_of("_ms", sum(verdict["phases"][f"{name}_ms"] for name in doing))
    return f"Of the {total} from the fault to the first write on the new leader, {', '.join(texts[:2])} and {texts[2]}."


def prediction_sentence(rec: Recording, verdict: dict[str, Any]) -> str:
    if not verdict["predicted"]:
        return ""
    low, high = verdict["predicted"]["rto_ms"]
    profile = rec.run["profile"]
    model = (
        f"The timing model (ttl {profile['ttl']} s, loop_wait {profile['loop_wait']} s) predicts "
        f"{text_of('_ms', low)} to {text_of('_ms', high)}"
    )
    found = verdict["rto_ms"]
    if found is None:
        return f"{model}; there is no measured outage to compare with."
    if low <= found <= high:
        return f"{model}; {text_of('_ms', found)} is within that."
    off = text_of("_ms", low - found if found < low else found - high)
    return f"{model}; {text_of('_ms', found)} is {off} {'less' if found < low else 'more'}."


def loss_sentence(verdict: dict[str, Any]) -> str:
    if verdict["lost"] is None:
        return "Whether acknowledged writes were lost was not observed in full."
    acked = "Of the acknowledged writes" if verdict["acked"] is None else f"Of {verdict['acked']:,} acknowledged writes"
    if not verdict["lost"]:
        return f"{acked}, none is missing from the tables."
    ids = [f"{table} {i}" for table, found in verdict["lost_ids"].items() for i in found]
    named = ", ".join(ids[:10]) + (f" and {len(ids) - 10:,} more" if len(ids) > 10 else "")
    return f"{acked}, {verdict['lost']:,} {'is' if len(ids) == 1 else 'are'} missing from the tables: {named}."


def ghost_sentence(verdict: dict[str, Any]) -> str:
    if verdict["failed"] is None or verdict["unknown_writes"] is None:
        return ""
    told = f"{verdict['failed']:,} writes failed, and the outcome of {verdict['unknown_writes']:,} stayed unknown"
    if verdict["ghost"] is None:
        return f"{told}."
    number = f"{verdict['ghost'] or 'none'} of these {'are' if verdict['ghost'] > 1 else 'is'}"
    return f"{told}; {number} in the tables all the same (ghosts, which are no fault of the cluster)."


def primary_sentence(verdict: dict[str, Any], clock: Clock) -> str:
    if verdict["dual_primary_ms"] is None:
        return "Whether two nodes took writes at once was not observed in full."
    if not verdict["dual_primary"]:
        return "At no time did two nodes take writes."
    first = verdict["dual_primary"][0]
    both, total = " and ".join(first["nodes"]), text_of("_ms", verdict["dual_primary_ms"])
    return f"{both} both took writes, from {clock.since(first['from'])}; two primaries lasted {total} in all."


def users_sentence(rec: Recording, verdict: dict[str, Any], clock: Clock) -> str:
    requests = rec.of("locust", "request")
    if verdict["user_errors"] is None or not requests:
        return "What the users got was not observed in full." if requests else ""
    slow, reads = max(requests, key=lambda e: e["t"] - e["start"]), verdict["read_outage_ms"]
    share = 100 * verdict["user_errors"] / max(verdict["user_requests"], 1)
    took = text_of("_ms", (slow["t"] - slow["start"]) / 1e6)
    said = (
        f"Users made {verdict['user_requests']:,} requests, of which {verdict['user_errors']:,} ({share:.1f} %) did "
        f"not succeed; the longest wait was {took} for a {slow['method']} sent at {clock.since(slow['start'])} "
        f"({slow['outcome']})."
    )
    return said if reads is None else f"{said} The longest time without a successful read was {text_of('_ms', reads)}."


def recovery_sentence(rec: Recording, verdict: dict[str, Any], clock: Clock) -> str:
    recovered, steady = verdict["phases"]["recover95_ms"], rec.steady("after")
    told = []
    if recovered is not None:
        told.append(f"users were back at 95 % of their rate {text_of('_ms', recovered)} after the fault")
    if steady and steady["ok"]:
        told.append(f"the cluster was steady again at {clock.since(steady['t'])}, led by {steady.get('leader')}")
    return capital(" and ".join(told)) + "." if told else ""


def etcd_sentence(rec: Recording) -> str:
    """A leader that went without its key being deleted, or none that went."""
    history, when = leader_history(rec), moments(rec)
    if rec.fault_at is None or not history or when.key_gone is not None:
        return ""
    who = holder(history, rec.fault_at)
    return f"The leader key stayed with {who}: no failover took place." if who else "Nobody held the leader key."

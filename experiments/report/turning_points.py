"""The turning points of a run in order: faults, the failover, what clients saw, roles and routes that changed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from firedrill.experiments.judge.facts import Decision
from firedrill.experiments.judge.findings import Findings
from firedrill.experiments.report import alerts
from firedrill.experiments.report.clock import Clock, capital

MOST_TURNS = 60
PHASES = {
    "inject": "{} injected",
    "effective": "{} proven effective",
    "not_effective": "{}: no effect found",
    "still_effective": "{} still in effect",
    "lapsed": "{} no longer in effect",
    "unobserved": "{}: not observed whether it is still in effect",
    "heal": "{}: healing started",
    "clean": "{}: host clean",
    "not_clean": "{}: host not clean",
}

DECISIONS = {
    "vote": "{} considers {} dead",
    "veto": "{} sees {} alive",
    "lock": "{} may act against {}",
    "decline": "{} does not act against {}",
    "power": "{} confirmed that {} is off",
    "block": "{} refuses {}",
    "release": "{} ended the leadership of {}",
    "lift": "{} ended the refusal of {}",
    "unblock": "{} no longer refuses {}",
}
MAIN_DECISIONS = ("decline", "release")


@dataclass(frozen=True)
class Turn:
    """A turning point: when (ns), what, which observer saw it, and whether it is one of the failover's own."""

    t: int
    text: str
    source: str
    main: bool = False


def turns(findings: Findings) -> list[Turn]:
    """The turning points after the first fault, in order; none without a fault."""
    fault = findings.fault_at
    if fault is None:
        return []
    found = [
        *fault_turns(findings),
        *failover_turns(findings),
        *client_turns(findings),
        *member_turns(findings),
        *proxy_turns(findings),
        *(Turn(t, text, "alerts", main) for t, text, main in alerts.moments(findings)),
        *fence_turns(findings),
    ]
    return sorted((turn for turn in found if turn.t >= fault), key=lambda turn: turn.t)


def fault_turns(findings: Findings) -> list[Turn]:
    """Each phase of each fault, and the steady state after them."""
    found = [
        Turn(
            event.t,
            PHASES[event.phase].format(f"{event.fault.replace('_', ' ')} of {event.host}"),
            "runner",
            event.phase in ("inject", "lapsed", "clean"),
        )
        for event in findings.fault_events
    ]
    if steady := findings.after:
        text = "steady state reached" if steady.ok else "steady state not reached"
        found.append(Turn(steady.t, text, "runner", True))
    return found


def failover_turns(findings: Findings) -> list[Turn]:
    """Each change of leadership after the fault, and the first write on the new leader."""
    when = findings.failover
    found = [
        Turn(one.t, f"leadership moved to {one.holder}" if one.holder else "leadership released", "leadership", True)
        for one in findings.leadership
        if findings.fault_at is not None and one.t > findings.fault_at
    ]
    if when.promoted is not None and when.new_leader:
        found.append(Turn(when.promoted, f"{when.new_leader} accepted its first write", "node_probe", True))
    return found


def client_turns(findings: Findings) -> list[Turn]:
    """What clients saw: the bounds of the write outage, and user traffic at 95 %."""
    found: list[Turn] = []
    outage, recovered = findings.write_outage, findings.phases.recover95_ms
    if outage.span:
        found.append(Turn(outage.span.begin, "last acknowledged write before the outage", "write_probe"))
    if outage.span and outage.state == "seen":
        found.append(Turn(outage.span.end, "writes acknowledged again", "write_probe", True))
    if recovered is not None and findings.fault_at is not None:
        t = findings.fault_at + round(recovered * 1e6)
        found.append(Turn(t, "user traffic back at 95 % of its baseline", "users", True))
    return found


def member_turns(findings: Findings) -> list[Turn]:
    """Each change of a member's role."""
    return [
        Turn(after.t, f"{host} changed from {before.state} to {after.state}", "members")
        for host, samples in findings.members.items()
        for before, after in pairwise(samples)
        if before.state != after.state
    ]


def proxy_turns(findings: Findings) -> list[Turn]:
    """Each change of a server's state in a proxy's list of servers for writes."""
    return [Turn(one.t, f"{one.proxy} marked {one.server} {one.status}", "proxy") for one in findings.server_changes]


def fence_turns(findings: Findings) -> list[Turn]:
    """What each agent of the fence decided or did."""
    return [Turn(one.t, _decided(one), "fence", one.what in MAIN_DECISIONS) for one in findings.decisions]


def _decided(one: Decision) -> str:
    text = DECISIONS.get(one.what, one.what).format(one.host, one.about or "the leader")
    return f"{text}: {one.detail}" if one.what == "decline" and one.detail else text


def rows(found: Sequence[Turn], clock: Clock, hosts: Collection[str]) -> list[dict[str, Any]]:
    """Turning points as rows, at most MOST_TURNS: beyond that only the failover's own."""
    kept = found if len(found) <= MOST_TURNS else [turn for turn in found if turn.main][:MOST_TURNS]
    return [
        {
            "since": clock.since(turn.t),
            "utc": clock.utc(turn.t),
            "text": capital(turn.text, hosts),
            "source": turn.source,
            "main": turn.main,
        }
        for turn in kept
    ]

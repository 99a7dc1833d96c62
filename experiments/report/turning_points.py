"""The turning points of a run in order: faults, the failover, what clients saw, roles and routes that changed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from firedrill.experiments.judge.figures import moments, write_outage
from firedrill.experiments.judge.recording import Recording, leader_history
from firedrill.experiments.report import series
from firedrill.experiments.report.clock import Clock, capital

MOST_TURNS = 60
PHASES = {
    "inject": "{} injected",
    "effective": "{} proven effective",
    "not_effective": "{}: no effect found",
    "heal": "{}: healing started",
    "clean": "{}: host clean",
    "not_clean": "{}: host not clean",
}


@dataclass(frozen=True)
class Turn:
    """A turning point: when (ns), what, which observer saw it, and whether it is one of the failover's own."""

    t: int
    text: str
    source: str
    main: bool = False


def turns(rec: Recording, verdict: dict[str, Any]) -> list[Turn]:
    """The turning points after the first fault, in order; none without a fault."""
    if rec.fault_at is None:
        return []
    found = [*fault_turns(rec), *failover_turns(rec), *client_turns(rec, verdict), *node_turns(rec), *proxy_turns(rec)]
    return sorted((turn for turn in found if turn.t >= rec.fault_at), key=lambda turn: turn.t)


def fault_turns(rec: Recording) -> list[Turn]:
    """Each phase of each fault, and the steady state after them."""
    found = [
        Turn(
            e["t"],
            PHASES[e["phase"]].format(f"{e['fault'].replace('_', ' ')} of {e.get('host')}"),
            "runner",
            e["phase"] in ("inject", "clean"),
        )
        for e in rec.of("runner", "fault")
    ]
    steady = rec.steady("after")
    text = "steady state reached" if steady and steady["ok"] else "steady state not reached"
    return [*found, Turn(steady["t"], text, "runner", True)] if steady else found


def failover_turns(rec: Recording) -> list[Turn]:
    """Each change of leadership, and the first write on the new leader."""
    history, when = leader_history(rec), moments(rec)
    found = [
        Turn(t, f"leadership moved to {who}" if who else "leadership released", "etcd", True)
        for t, who in history
        if rec.fault_at and t > rec.fault_at
    ]
    if when.promoted is not None and when.new_leader:
        found.append(Turn(when.promoted, f"{when.new_leader} accepted its first write", "node_probe", True))
    return found


def client_turns(rec: Recording, verdict: dict[str, Any]) -> list[Turn]:
    """What clients saw: the bounds of the write outage, and user traffic at 95 %."""
    found: list[Turn] = []
    outage, recovered = write_outage(rec), verdict["phases"]["recover95_ms"]
    if outage.span:
        found.append(Turn(outage.span.begin, "last acknowledged write before the outage", "write_probe"))
    if outage.span and outage.state == "seen":
        found.append(Turn(outage.span.end, "writes acknowledged again", "write_probe", True))
    if recovered is not None and rec.fault_at is not None:
        t = rec.fault_at + round(recovered * 1e6)
        found.append(Turn(t, "user traffic back at 95 % of its baseline", "locust", True))
    return found


def node_turns(rec: Recording) -> list[Turn]:
    """Each change of a member's role."""
    found: list[Turn] = []
    last: dict[str, str] = {}
    for event in rec.of("patroni", "member"):
        now = series.role(event)
        if last.get(event["host"], now) != now:
            found.append(Turn(event["t"], f"{event['host']} changed from {last[event['host']]} to {now}", "patroni"))
        last[event["host"]] = now
    return found


def proxy_turns(rec: Recording) -> list[Turn]:
    """Each change of a server's state in a proxy's list of servers for writes."""
    found: list[Turn] = []
    last: dict[tuple[str, str], Any] = {}
    for event in rec.of("haproxy", "server"):
        if event.get("backend") != "postgres_write":
            continue
        key, now = (event["host"], event["server"]), event.get("status")
        if last.get(key, now) != now:
            found.append(Turn(event["t"], f"{event['host']} marked {event['server']} {now}", "haproxy"))
        last[key] = now
    return found


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

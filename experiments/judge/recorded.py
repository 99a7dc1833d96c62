"""From the events of a recording to typed facts, each kind once."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from firedrill.experiments.judge.facts import (
    AgentSample,
    Attempt,
    ClockStep,
    Decision,
    End,
    Fault,
    FaultEvent,
    Host,
    HostClock,
    LinesLeftOut,
    LogLine,
    Logs,
    MemberSample,
    MemberState,
    NodeWrite,
    Note,
    Pause,
    RouteSample,
    Run,
    ServerChange,
    Steady,
    SyncChange,
    TcpSample,
    Tier,
)
from firedrill.experiments.judge.recording import Event, Recording
from firedrill.experiments.judge.spans import SECOND, Span

NOT_SENT = "not sent"  # the error of a request that the load generator did not send begins so

POLL = SECOND // 20  # samples of a proxy's servers that are closer than this belong to one poll


def run(rec: Recording) -> Run:
    """The `run` event."""
    event = rec.of("runner", "run")[0]
    hosts = [
        Host(host["name"], host.get("address") or "", tuple(host.get("roles") or ())) for host in event["topology"]
    ]
    return Run(
        t=event["t"],
        experiment=event["experiment"],
        title=event["title"],
        question=event.get("question"),
        hypothesis=event.get("hypothesis"),
        seed=event.get("seed"),
        backend=event.get("backend"),
        inventory=event.get("inventory"),
        system=event["system"],
        profile=event["profile"],
        versions=texts(event.get("versions")),
        front=event.get("front"),
        load=event.get("load") or {},
        steps=tuple(event.get("steps") or ()),
        expectations=tuple(event["expectations"]),
        hosts=tuple(hosts),
        databases=tuple(event["databases"]),
        coordinators=tuple(event["coordinators"]),
        proxies=tuple(event["proxies"]),
        tiers=tuple(Tier(tier["title"], tuple(tier["hosts"])) for tier in event["tiers"]),
        machine=event.get("machine") or {},
        providers=texts(event.get("providers")),
        quiet=event.get("quiet") is True,
    )


def texts(values: Mapping[str, str | None] | None) -> dict[str, str]:
    """Without the names that have no value."""
    return {name: value for name, value in (values or {}).items() if value is not None}


def steady(rec: Recording, phase: Literal["before", "after"]) -> Steady | None:
    """The last check of the steady state before or after, with the roles recorded last in that phase.

    Before is before the first injection, and after is after the last injection and the last healing.
    """
    touched = [e["t"] for e in rec.of("runner", "fault") if e["phase"] in ("inject", "heal")]
    checks = [
        event
        for event in rec.of("runner", "steady")
        if event["phase"] == phase
        and (not touched or (event["t"] <= touched[0] if phase == "before" else event["t"] >= touched[-1]))
    ]
    if not checks:
        return None
    event = checks[-1]
    roles: Event = next((e for e in reversed(rec.of("runner", "roles")) if e["phase"] == phase), {})
    return Steady(
        t=event["t"],
        phase=phase,
        ok=event["ok"],
        leader=event.get("leader"),
        sync_standbys=tuple(event.get("sync_standbys") or ()),
        epoch=event.get("epoch"),
        detail=event.get("detail"),
        coordinator_leader=roles.get("coordinator_leader"),
        address_holders=tuple(roles.get("address_holders") or filter(None, [roles.get("address_holder")])),
    )


def fault_events(rec: Recording) -> tuple[FaultEvent, ...]:
    return tuple(
        FaultEvent(e["t"], e["id"], e["fault"], e.get("target"), e.get("host"), e.get("args") or {}, e["phase"],
                   e.get("detail"))
        for e in rec.of("runner", "fault")
    )  # fmt: skip


def faults(events: Iterable[FaultEvent]) -> tuple[Fault, ...]:
    """Every injected fault with all its phases, by injection. Phases of an id belong to its last injection."""
    last: dict[int | str, list[FaultEvent]] = {}
    rows: list[list[FaultEvent]] = []
    for event in events:
        if event.phase == "inject":
            rows.append([])
            last[event.id] = rows[-1]
        if event.id in last:
            last[event.id].append(event)
    return tuple(_fault(row) for row in rows)


def _fault(row: Sequence[FaultEvent]) -> Fault:
    it, healed = row[0], next((event.t for event in row if event.phase == "heal"), None)
    return Fault(it.id, it.fault, it.target, it.host, it.t, healed, tuple(row))


def notes(rec: Recording, kind: Literal["step", "note"]) -> tuple[Note, ...]:
    return tuple(Note(event["t"], event.get("text") or "") for event in rec.of("runner", kind))


def left_changed(rec: Recording) -> str | None:
    """Which settings of the cluster were not restored; None if all were."""
    changes = rec.of("runner", "settings")
    if not changes or changes[-1].get("phase") == "restored":
        return None
    last, phase = changes[-1], changes[-1].get("phase")
    wanted = json.dumps(last.get("before" if phase == "set" else "after"))
    why = f"they were not ({last.get('detail')})" if phase == "not_restored" else "no record of it"
    return f"wanted the settings {wanted} restored, found {'that ' if phase == 'not_restored' else ''}{why}"


def broken_off(rec: Recording) -> tuple[Note, ...]:
    """The errors that parts of the run raised."""
    return tuple(
        Note(e["t"], f"{e.get('part') or 'The run'}: {e.get('error') or 'an error that was not recorded'}")
        for e in rec.of("runner", "broken_off")
    )


def end(rec: Recording) -> End | None:
    events = reversed(rec.of("runner", "end"))
    return next((End(e["t"], e["ok"], e.get("detail"), e.get("steps_done") is not False) for e in events), None)


def clock_steps(rec: Recording) -> tuple[ClockStep, ...]:
    return tuple(ClockStep(e["t"], e["size_ms"]) for e in rec.of("clock", "step"))


def pauses(rec: Recording) -> tuple[Pause, ...]:
    """By kind, then by time."""
    asleep = [Pause(None, Span(e["start"], e["t"]), round(e["size_ms"] * 1e6)) for e in rec.of("clock", "suspended")]
    stalled = [Pause(e["process"], Span(e["start"], e["t"]), e["t"] - e["start"]) for e in rec.of("clock", "stalled")]
    return (*asleep, *stalled)


# -- what was observed -----------------------------------------------------------------------------------


def requests(rec: Recording) -> tuple[Attempt, ...]:
    """The users' requests."""
    return tuple(
        Attempt(
            e["method"],
            e["start"],
            e["t"],
            e["outcome"],
            e.get("due"),
            e.get("id"),
            sent=not (e.get("error") or "").startswith(NOT_SENT),
        )  # fmt: skip
        for e in rec.of("users", "request")
    )


def probe_writes(rec: Recording) -> tuple[Attempt, ...]:
    """The write probe's writes."""
    return tuple(
        Attempt("POST", e["start"], e["t"], e["outcome"], None, e["id"], e.get("server"))
        for e in rec.of("write_probe", "write")
    )


def node_writes(rec: Recording) -> tuple[NodeWrite, ...]:
    return tuple(
        NodeWrite(e["host"], e["start"], e["t"], e["outcome"], bool(e.get("readonly")), e.get("epoch"))
        for e in rec.of("node_probe", "write")
    )


def sync(rec: Recording) -> tuple[SyncChange, ...]:
    return tuple(SyncChange(e["t"], tuple(e["standbys"])) for e in rec.of("leadership", "sync"))


def members(rec: Recording, databases: Iterable[str]) -> dict[str, tuple[MemberSample, ...]]:
    """By host, databases first."""
    found: dict[str, list[MemberSample]] = {name: [] for name in databases}
    for e in rec.of("members", "member"):
        sample = MemberSample(e["t"], _state(e), e.get("epoch"), e.get("lag"))
        found.setdefault(e["host"], []).append(sample)
    return {host: tuple(samples) for host, samples in found.items()}


def _state(event: Event) -> MemberState:
    if not event["reachable"]:
        return "unreachable"
    role: Any = event.get("role")
    return role if role in ("primary", "replica") else "starting"


def routes(rec: Recording, proxies: Iterable[str]) -> dict[str, tuple[RouteSample, ...]]:
    """By proxy, the servers that were up in its route for writes, after each poll."""
    found: dict[str, list[RouteSample]] = {name: [] for name in proxies}
    up: defaultdict[str, dict[str, bool]] = defaultdict(dict)
    for e in rec.of("proxy", "server"):
        host, row = e["host"], found.setdefault(e["host"], [])
        if not e["reachable"]:
            up[host].clear()
            sample = RouteSample(e["t"], None)
        elif e.get("purpose") == "write":
            up[host][e.get("server") or "?"] = _is_up(e)
            sample = RouteSample(e["t"], tuple(name for name, is_up in sorted(up[host].items()) if is_up))
        else:
            continue
        if row and sample.t - row[-1].t <= POLL:
            row.pop()
        row.append(sample)
    return {host: tuple(row) for host, row in found.items()}


def _is_up(event: Event) -> bool:
    return (event.get("status") or "").startswith("UP")


def server_changes(rec: Recording) -> tuple[ServerChange, ...]:
    """Each change of a server's status in a proxy's route for writes."""
    found, last = [], dict[tuple[str, str], str]()
    for e in rec.of("proxy", "server"):
        if e.get("purpose") != "write":
            continue
        where, now = (e["host"], e.get("server") or "?"), e.get("status") or "?"
        if last.get(where, now) != now:
            found.append(ServerChange(e["t"], *where, now))
        last[where] = now
    return tuple(found)


def tcp_samples(rec: Recording) -> dict[str, tuple[TcpSample, ...]]:
    found: defaultdict[str, list[TcpSample]] = defaultdict(list)
    for e in rec.of("tcp", "counters"):
        counts = (e.get("retransmits"), e.get("checksum_errors"))
        reachable = e["reachable"] and None not in counts
        found[e["host"]].append(TcpSample(e["start"], e["t"], reachable, *counts, e.get("boot")))
    return {host: tuple(found[host]) for host in sorted(found)}


def agents(rec: Recording) -> dict[str, tuple[AgentSample, ...]]:
    """The fence's agents, by host."""
    found: defaultdict[str, list[AgentSample]] = defaultdict(list)
    for e in rec.of("fence", "agent"):
        alive = bool(e.get("alive")) if e["reachable"] else None
        found[e["host"]].append(AgentSample(e["t"], alive, tuple(e.get("refusing") or ())))
    return {host: tuple(found[host]) for host in sorted(found)}


def decisions(rec: Recording) -> tuple[Decision, ...]:
    """What the fence's agents decided."""
    return tuple(
        Decision(e["t"], e["host"], e["what"], e.get("about"), e.get("detail")) for e in rec.of("fence", "decision")
    )


def logs(rec: Recording) -> Logs:
    lines = [
        LogLine(e["t"], e["host"], e["unit"], e["text"], e.get("times") or 1, e["turn"], e["turn_t"])
        for e in rec.of("logs", "line")
    ]
    return Logs(
        tuple(lines),
        tuple(LinesLeftOut(e["t"], e["host"], e["lines"]) for e in rec.of("logs", "left_out")),
        tuple(HostClock(e["host"], e["offset_ms"], e["error_ms"]) for e in rec.of("logs", "clock")),
        tuple((e["host"], e.get("error") or "") for e in rec.of("logs", "silent")),
    )

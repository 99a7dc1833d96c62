"""The events of a leader's power cut, made up as a run records them (docs/events.md).

Nothing here is measured: the times are a believable run on the profile `fast`, the same on every call. The
fields of `Story` are the knobs that break it, one test each.
"""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

SECOND = 1_000_000_000
FAULT_AT = 1_795_000_000 * SECOND  # 2026-11-18 11:06:40 UTC
NODES, PROXIES = ("db1", "db2", "db3"), ("lb1", "lb2")
TITLES = {"etcd": "etcd", "postgres": "PostgreSQL", "proxy": "HAProxy", "app": "Application"}
INTERVALS = {"write_probe": 20, "node_probe": 50, "leadership": 1000, "members": 1000, "proxy": 1000}
INTERVALS |= {"users": 1000}
EXPECTATIONS = (
    {"name": "Writes come back in time", "metric": "rto_ms", "op": "<=", "wanted": 24_000},
    {"name": "No acknowledged write is lost", "metric": "lost", "op": "==", "wanted": 0},
    {"name": "Never two primaries", "metric": "dual_primary_ms", "op": "==", "wanted": 0},
    {"name": "Another node leads", "metric": "leader_after", "op": "!=", "wanted": "leader_before"},
    {"name": "Reads hardly notice", "metric": "read_outage_ms", "op": "<=", "wanted": 2_000},
    {"name": "The cluster is healthy again", "metric": "steady_after", "op": "is", "wanted": True},
)


@dataclass(frozen=True)
class Story:
    """What happens when (seconds from the fault), and what goes wrong with it or with watching it."""

    begin: float = -15.0
    cut: float = 0.035
    key_gone: float = 18.62
    new_key: float = 20.71
    promoted: float = 20.86
    routed: float = 21.03
    power_on: float = 34.0
    answers: float = 37.5
    clean: float = 38.4
    rejoined: float = 41.2
    steady: float = 47.0
    seed: int = 7
    back: bool = True  # whether a new leader ever takes over
    lost_probe: tuple[int, ...] = ()  # acked ids the table does not hold in the end
    lost_forecast: tuple[str, ...] = ()
    second_primary: tuple[float, float] | None = None  # db1 takes writes again, from and to
    without: tuple[str, ...] = ()  # observers that never ran
    silent: tuple[tuple[str, str | None, float, float], ...] = ()  # (source, host or all, from, to)
    effective: bool | None = True
    looks: tuple[tuple[float, str], ...] = ()  # whether the fault is still in effect: when, and the phase
    is_clean: bool | None = True
    steady_before_ok: bool | None = True
    steady_after_ok: bool | None = True
    end_ok: bool | None = True
    unread: tuple[str, ...] = ()  # tables the ledger did not read to their end
    expectations: tuple[dict, ...] = EXPECTATIONS
    run: dict[str, Any] = field(default_factory=dict)  # other fields of the `run` line

    @property
    def end(self) -> float:
        return self.steady + 1.0


def at(seconds: float) -> int:
    """Seconds from the fault as `t`."""
    return FAULT_AT + round(seconds * SECOND)


def event(seconds: float, source: str, kind: str, host: str | None = None, **fields: Any) -> dict:
    return {"t": at(seconds), "source": source, "host": host, "kind": kind, **fields}


def power_cut_run(**knobs: Any) -> list[dict]:
    """The events of one run, sorted by time."""
    story = replace(Story(), **knobs)
    if not story.back:
        story = replace(story, steady_after_ok=False) if "steady_after_ok" not in knobs else story
    observed = {
        "write_probe": list(write_probe(story)),
        "node_probe": list(node_probe(story)),
        "leadership": list(leadership(story)),
        "members": list(members(story)),
        "proxy": list(proxy(story)),
        "users": list(users(story)),
    }
    events = [*runner(story), *tables(story, observed)]
    for name, found in observed.items():
        events += [] if name in story.without else [e for e in found if not muted(story, e)]
    return sorted(events, key=lambda e: e["t"])


def muted(story: Story, found: dict) -> bool:
    """Whether the story's observer was silent at the time."""
    for source, host, begin, end in story.silent:
        same = found["source"] == source and host in (None, found["host"])
        if same and found["t"] > at(begin) and found.get("start", found["t"]) < at(end):
            return True
    return False


def ticks(begin: float, end: float, step: float) -> Iterator[float]:
    for n in range(round((end - begin) / step)):
        yield round(begin + n * step, 6)


# -- the runner ------------------------------------------------------------------------------------------


def runner(story: Story) -> Iterator[dict]:
    yield event(story.begin - 5, "runner", "run", **run_fields(story))
    if story.steady_before_ok is not None:
        yield steady(story, "before", story.begin - 3, story.steady_before_ok, "db1", ["db2"], 1)
    for name, interval in INTERVALS.items():
        for phase, seconds in (("start", story.begin), ("stop", story.end + 0.4)):
            if name not in story.without:
                yield event(seconds, "runner", "observer", phase=phase, name=name, interval_ms=interval)
    yield event(-0.4, "runner", "note", text="The etcd leader is etcd2, on a host of its own.")
    yield event(-0.2, "runner", "step", text="Cut the leader's power")
    yield from fault(story)
    if story.steady_after_ok is not None:
        leader, standbys = ("db2", ["db3"]) if story.back else (None, [])
        yield steady(story, "after", story.steady, story.steady_after_ok, leader, standbys, 2)
    if story.end_ok is not None:
        detail = None if story.end_ok else "interrupted"
        yield event(story.end + 3, "runner", "end", ok=story.end_ok, detail=detail)


def run_fields(story: Story) -> dict[str, Any]:
    hosts = [("etcd", 10, ("etcd1", "etcd2", "etcd3")), ("postgres", 20, NODES), ("proxy", 30, PROXIES)]
    hosts.append(("app", 40, ("app1", "app2")))
    topology = [
        {"name": name, "address": f"10.77.0.{base + n}", "roles": [role]}
        for role, base, names in hosts
        for n, name in enumerate(names, 1)
    ]
    profile = {"name": "fast", "ttl": 20, "loop_wait": 2, "retry_timeout": 8, "synchronous_mode": "quorum"}
    profile |= {"inter": 1, "fastinter": 0.5, "downinter": 0.5, "rise": 1, "fall": 2}
    fields = {
        "experiment": "leader_power_cut",
        "title": "The leader loses its power",
        "question": "How long are writes down, and is any acknowledged write lost, when the leader loses its power?",
        "hypothesis": "A replica takes over within ttl + 4 s; no acknowledged write is lost; never two primaries.",
        "seed": story.seed,
        "inventory": "inventories/lab.py",
        "profile": profile,
        "topology": topology,
        "versions": {"postgresql": "17.6", "patroni": "4.0.7", "etcd": "3.5.16", "haproxy": "3.0.11"},
        "load": {"users": 40, "get": 3, "post": 1},
        "steps": ["15 s of load", "cut the leader's power", "wait 34 s", "power on", "wait until steady"],
        "expectations": list(story.expectations),
        "format": 2,
        "system": "patroni",
        "databases": list(NODES),
        "coordinators": ["etcd1", "etcd2", "etcd3"],
        "proxies": list(PROXIES),
        "tiers": [{"title": TITLES[role], "hosts": list(names)} for role, _, names in hosts],
    } | story.run
    return {"observers": observers(fields)} | fields


def observers(fields: dict[str, Any]) -> list[dict]:
    """The observers of a run with these fields: users are required only where there is a load."""
    hosts = {"node_probe": list(NODES), "members": list(NODES), "proxy": list(PROXIES)}
    hosts["tcp"] = [host["name"] for host in fields["topology"]]
    needed = dict.fromkeys(INTERVALS, True) | {"users": bool((fields["load"] or {}).get("users")), "tcp": False}
    return [
        {"name": name, "interval_ms": INTERVALS.get(name, 2000), "hosts": hosts.get(name), "required": required}
        for name, required in needed.items()
    ]


def steady(
    story: Story, phase: str, seconds: float, ok: bool, leader: str | None, standbys: list[str], epoch: int
) -> dict:
    detail = None if ok else "no leader in the cluster, wanted one"
    fields = {"leader": leader, "sync_standbys": standbys, "epoch": epoch, "detail": detail}
    return event(seconds, "runner", "steady", phase=phase, ok=ok, waited_ms=850, **fields)


def fault(story: Story) -> Iterator[dict]:
    def told(seconds: float, phase: str, detail: str | None) -> dict:
        what = {"id": "f1", "fault": "power_cut", "target": "leader", "args": {}}
        return event(seconds, "runner", "fault", "db1", phase=phase, detail=detail, **what)

    yield told(0, "inject", "lab cut db1")
    if story.effective is not None:
        proof = "10.77.0.21 answers neither ping nor SSH" if story.effective else "db1 still answers SSH"
        yield told(0.62, "effective" if story.effective else "not_effective", proof)
    for seconds, phase in story.looks:
        yield told(seconds, phase, f"db1: {phase}")
    yield told(story.power_on, "heal", "lab start db1")
    if story.is_clean is not None:
        proof = "db1 answers SSH, boot id changed" if story.is_clean else "a qdisc 7ead: is still on eth0"
        yield told(story.clean, "clean" if story.is_clean else "not_clean", proof)


# -- the observers ---------------------------------------------------------------------------------------


def down(story: Story, seconds: float) -> bool:
    """Whether no primary can be reached through the proxy."""
    return seconds >= story.cut and (not story.back or seconds < story.routed)


def write_probe(story: Story) -> Iterator[dict]:
    rng, free = random.Random(story.seed), story.begin + 0.3
    for number, start in enumerate(ticks(story.begin + 0.3, story.end, 0.02), 1):
        took = min(rng.lognormvariate(1.4, 0.35), 60) / 1000
        if start < free:
            continue
        outcome, server, error = "acked", "db1" if start < story.cut else "db2", None
        if story.cut - 0.02 <= start < story.cut:
            took, outcome, error = 2.0, "unknown", "deadline passed before the answer"
        elif down(story, start):
            took = 1.0 if start < 1.6 else 0.1
            outcome, server, error = "failed", None, "08006: server closed the connection unexpectedly"
        free = start + took
        fields = {"id": number, "start": at(start), "outcome": outcome, "server": server, "error": error}
        yield event(free, "write_probe", "write", **fields)


def node_probe(story: Story) -> Iterator[dict]:
    for host in NODES:
        free = story.begin
        for number, start in enumerate(ticks(story.begin + 0.3, story.end, 0.05), 1):
            if start < free:
                continue
            outcome, readonly, took, error = node_answer(story, host, start)
            free = start + took
            epoch = None if error else 1 if start < story.promoted else 2
            fields = {"id": number, "start": at(start), "outcome": outcome, "readonly": readonly}
            yield event(free, "node_probe", "write", host, epoch=epoch, error=error, **fields)


def node_answer(story: Story, host: str, start: float) -> tuple[str, bool, float, str | None]:
    """outcome, readonly, seconds it took, error"""
    if story.second_primary and host == "db1" and story.second_primary[0] <= start <= story.second_primary[1]:
        return "acked", False, 0.002, None
    if host == "db1" and start < story.cut - 0.002:
        return "acked", False, 0.002, None
    if host == "db1" and start < story.answers:
        return "failed", False, 0.5, "08001: timeout expired"
    if host == "db1" and start < story.rejoined - 1:
        return "failed", False, 0.001, "57P03: the database system is starting up"
    if host == "db2" and story.back and start >= story.promoted:
        return "acked", False, 0.002, None
    return "failed", True, 0.001, None


def leadership(story: Story) -> Iterator[dict]:
    def changed(seconds: float, kind: str, **fields: Any) -> dict:
        return event(seconds, "leadership", kind, **fields)

    yield changed(story.begin + 0.2, "leadership", holder="db1", epoch=1)
    yield changed(story.begin + 0.2, "sync", standbys=["db2", "db3"])
    for seconds in ticks(story.begin + 0.3, story.end + 0.3, 1.0):
        yield changed(seconds, "alive", endpoint="10.77.0.12:2379")
    yield changed(story.key_gone, "leadership", holder=None, epoch=None)
    if story.back:
        yield changed(story.new_key, "leadership", holder="db2", epoch=2)
        yield changed(story.promoted + 0.2, "sync", standbys=["db3"])
        yield changed(story.promoted + 0.3, "key", key="history", value="raw evidence")


def members(story: Story) -> Iterator[dict]:
    changes = {story.cut + 0.3, story.promoted + 0.1, story.answers + 0.4, story.rejoined}
    for seconds in sorted({*ticks(story.begin + 0.25, story.end + 0.3, 1.0), *changes}):
        for host in NODES:
            yield event(seconds, "members", "member", host, **member(story, host, seconds))


def member(story: Story, host: str, seconds: float) -> dict[str, Any]:
    fields = {"reachable": True, "role": "replica", "state": "running", "epoch": 1, "lag": 0}
    if host == "db1" and seconds < story.cut + 0.3:
        fields |= {"role": "primary", "lag": None}
    elif host == "db1" and seconds < story.answers + 0.4:
        fields |= {"reachable": False, "role": None, "state": None, "epoch": None, "lag": None}
    elif host == "db1" and seconds < story.rejoined:
        fields |= {"role": "starting", "state": "starting", "lag": None}
    elif story.back and seconds >= story.promoted + 0.1:
        fields |= {"role": "primary" if host == "db2" else "replica", "epoch": 2}
    return fields | {"pending_restart": False, "error": None if fields["reachable"] else "timed out"}


def proxy(story: Story) -> Iterator[dict]:
    for n, host in enumerate(PROXIES):
        changes = {1.5 + 0.2 * n, story.promoted + 0.1 + 0.06 * n, story.rejoined + 0.5 + 0.3 * n}
        for seconds in sorted({*ticks(story.begin + 0.2, story.end + 0.3, 1.0), *changes}):
            for purpose in ("write", "read"):
                for server in NODES:
                    up = routed(story, purpose, server, seconds, 0.2 * n)
                    fields = {"server": server, "status": "UP" if up else "DOWN", "check": "L7OK" if up else "L4CON"}
                    fields |= {"purpose": purpose, "backend": f"postgres_{purpose}", "error": None}
                    yield event(seconds, "proxy", "server", host, reachable=True, **fields)


def routed(story: Story, purpose: str, server: str, seconds: float, late: float) -> bool:
    primary = "db1" if seconds < 1.5 + late else None
    if story.back and seconds >= story.promoted + 0.1 + 0.3 * late:
        primary = "db2"
    alive = server != "db1" or seconds < 1.5 + late or seconds >= story.rejoined + 0.5 + 1.5 * late
    return server == primary if purpose == "write" else alive and server != primary


def users(story: Story) -> Iterator[dict]:
    rng = random.Random(story.seed + 1)
    for seconds in ticks(story.begin + 0.1, story.end + 0.3, 1.0):
        yield event(seconds, "users", "alive", users=min(40, round(20 * (seconds - story.begin))))
    number, seconds = 0, story.begin
    while seconds < story.end:
        number += 1
        quick = min(1.0, (seconds - story.begin + 0.1) / 2)  # users arrive during two seconds
        seconds += rng.uniform(0.5, 1.5) / (90 * quick)
        yield request(story, rng, number, seconds)


def request(story: Story, rng: random.Random, number: int, start: float) -> dict:
    method = "POST" if rng.random() < 0.25 else "GET"
    took, status, error = min(rng.lognormvariate(2.3, 0.5), 400) / 1000, 200, None
    outcome = "ok" if method == "GET" else "acked"
    if method == "GET" and story.cut <= start < 1.3 and rng.random() < 0.5:
        took, status, outcome, error = 1.0 + rng.random(), 504, "error", "no answer from the database"
    elif method == "POST" and story.cut - 0.1 <= start < story.cut:
        took, status, outcome, error = 5.0, 0, "unknown", "no answer in 5 s"
    elif method == "POST" and down(story, start + took):
        took, status, outcome, error = 0.4 + rng.random(), 503, "failed", "no primary"
    fields = {"id": f"r{number}", "method": method, "name": "/weather", "start": at(start)}
    return event(start + took, "users", "request", status=status, outcome=outcome, error=error, **fields)


# -- the tables ------------------------------------------------------------------------------------------


def tables(story: Story, observed: dict[str, list[dict]]) -> Iterator[dict]:
    """What the tables hold: all that was acked or unknown, less what the story lost."""
    posts = [e for e in observed["users"] if e.get("method") == "POST"]
    yield from table(story, "probe", observed["write_probe"], set(story.lost_probe))
    yield from table(story, "forecast", posts, set(story.lost_forecast))


def table(story: Story, name: str, writes: Iterable[dict], lost: set) -> Iterator[dict]:
    kept = {"acked": True, "unknown": True, "failed": False}
    ids = [e["id"] for e in writes if kept[e["outcome"]] and e["id"] not in lost]
    seconds = story.end + 1.5 if name == "probe" else story.end + 2.0
    for n in range(0, len(ids), 5000):
        yield event(seconds + n / 1e6, "tables", "present", "db2", table=name, ids=ids[n : n + 5000])
    if name not in story.unread:
        fields = {"table": name, "count": len(ids), "leader": "db2" if story.back else None}
        yield event(seconds + 0.3, "tables", "present_end", "db2", **fields)

"""What of a cluster can be observed, and which experiments that costs: every way in is tried, live, for a moment.

The promise: nothing is left behind (the probes' schema goes again where it was not there), nothing is broken, and each
answer is of now. `ok` is false where something the inventory says does not hold, null where it says there is none.
"""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg

from firedrill.cluster import patroni, ssh
from firedrill.cluster.each import each
from firedrill.experiments.catalogue import EXPERIMENTS
from firedrill.experiments.model import Experiment, Inject
from firedrill.experiments.observe import logs, process, tables
from firedrill.experiments.observe.watching import FIRST_WORD_SECONDS
from firedrill.experiments.observe.writer import so_far
from firedrill.experiments.run import fit, who
from firedrill.faults import engine, processes
from firedrill.faults.protocol import Target, new_id
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

STEP_S = 0.5
FAR_MS = 500  # a clock so far off deserves a word; events are stamped here, logs are corrected
DROP = f"DROP SCHEMA {tables.SCHEMA} CASCADE"
ROLE_UNITS = {"postgres": "patroni", "etcd": "etcd", "proxy": "haproxy"}


@dataclass(frozen=True)
class Check:
    """One thing tried: whether it holds (null: there is none of it), what was found, what it is needed for."""

    what: str
    ok: bool | None
    found: str
    needed_for: str


def examine(access: Access) -> dict[str, list[dict[str, Any]]]:
    """Try everything: {"checks": [...], "experiments": [...]}. Raises Problem."""
    if not access.inventory.role("postgres"):
        raise Problem(f"{access.inventory.path} has no host with the role postgres", "add Patroni's nodes to it")
    with engine.connected(access.inventory.hosts) as connections:
        found = [
            check for checks in each(lambda host: _host(host, connections), access.inventory.hosts) for check in checks
        ]
        found += [_settings(access), _rest(access), *_observers(access), _users(access), _power(access)]
        now = who.initial(patroni.view(access))
        drills = [_drill(_begun(it, now), access, found, connections) for it in EXPERIMENTS.values()]
    return {"checks": [vars(check) for check in found], "experiments": drills}


# -- hosts -----------------------------------------------------------------------------------------------


def _host(host: Host, connections: engine.Connections) -> Iterator[Check]:
    what, needed = f"SSH to {host.name}", "faults on it, its logs"
    connection = connections[host.name]
    if connection is None:
        yield Check(what, False, f"{host.address} does not let {host.data['ssh_user']} in", needed)
        return
    try:
        user, python = ssh.sh(connection, "id -un; python3 -V 2>/dev/null || echo none").splitlines()
        offset, error = logs.offset_of(connection)
        yield Check(what, user == "root" and python != "none", _hosted(user, python, offset, error), needed)
        yield _services(host, connection)
    except (Problem, ValueError) as problem:
        yield Check(what, False, str(problem), needed)


def _hosted(user: str, python: str, offset: int, error: int) -> str:
    far = ": far off, mend it" if abs(offset) > FAR_MS * 1e6 else ""
    return f"{user}, {python}, clock {offset / 1e6:+.1f} ms (± {error / 1e6:.1f} ms){far}"


def _services(host: Host, connection: ssh.Connection) -> Check:
    units = [processes.unit(name, host) for role, name in ROLE_UNITS.items() if role in host.roles]
    shown = ssh.sh(connection, f"systemctl is-active {' '.join(units)} || true").split() if units else []
    states = dict(zip(units, shown, strict=False))
    told = ", ".join(f"{unit} {state}" for unit, state in states.items()) or "none of its roles has one"
    return Check(f"services on {host.name}", set(shown) <= {"active"}, told, "faults of processes, its logs")


# -- what Patroni lets us do -----------------------------------------------------------------------------


def _settings(access: Access) -> Check:
    what, needed = "settings", "every expectation made from ttl and loop_wait; the target `leader`"
    view = patroni.view(access)
    if view.leader is None:
        return Check(what, False, view.error or "no leader", needed)
    strangers = sorted({m.name for m in view.members} - {host.name for host in access.inventory.role("postgres")})
    if strangers:
        found = f"Patroni calls members {', '.join(strangers)}: say which hosts they are with `patroni_name`"
        return Check(what, False, found, needed)
    now = patroni.settings(access)
    shown = ", ".join(f"{name} {now[name]}" for name in ("ttl", "loop_wait", "retry_timeout", "synchronous_mode"))
    return Check(what, True, f"{view.leader.name} leads {len(view.members)} members; {shown}", needed)


def _rest(access: Access) -> Check:
    """A value is set to what it is: that changes nothing, and takes the credentials all the same."""
    what, needed = "REST credentials", "experiments that change Patroni's settings"
    try:
        auth = access.patroni_auth
    except Problem as problem:
        return Check(what, False, problem.cause, needed)
    if not auth:
        return Check(what, None, "the inventory has none", needed)
    url = f"{access.patroni_url(access.inventory.role('postgres')[0])}/config"
    options: dict[str, Any] = {"timeout": patroni.SECONDS} | access.patroni_options
    try:
        now = httpx.get(url, **options).raise_for_status().json()
        same = next({key: value} for key, value in now.items() if isinstance(value, int | str))
        httpx.patch(url, json=same, auth=auth, **options).raise_for_status()
    except (httpx.HTTPError, ValueError, StopIteration) as error:
        return Check(what, False, f"{type(error).__name__}: {error}".splitlines()[0], needed)
    return Check(what, True, f"{auth[0]} may change settings", needed)


# -- observers -------------------------------------------------------------------------------------------


def _observers(access: Access) -> list[Check]:
    """The schema, and every observer as in a run, for a moment."""
    with _schema(access) as made, tempfile.TemporaryDirectory() as folder:
        names = [name for name in process.OBSERVERS if name not in fit.unobserved(access)]
        running = []
        try:
            for name in names:
                running.append(process.start(name, access, Path(folder) / name))
            deadline = time.monotonic() + FIRST_WORD_SECONDS
            while True:
                time.sleep(STEP_S)
                heard = {name: LOOK[name](access, so_far(Path(folder) / name)) for name in names}
                if all(fine for fine, _ in heard.values()) or time.monotonic() > deadline:
                    break
        finally:
            process.stop(running)
    found = [Check(name, *heard[name], NEEDED[name]) for name in names]
    return [made, *found] + [
        Check(name, None, "the inventory has none, or does without", NEEDED[name])
        for name in process.OBSERVERS
        if name not in names
    ]


@contextlib.contextmanager
def _schema(access: Access) -> Iterator[Check]:
    """The probes' tables, while this lasts; they stay where they were there before."""
    what, needed = "schema", "both probes and the count of lost writes: every verdict"
    try:
        with psycopg.connect(**access.sql_front(), autocommit=True) as connection:
            there = tables.there(connection)
    except psycopg.Error as error:
        yield Check(what, False, tables.first_line(error), needed)
        return
    try:
        yield _made(access, there, what, needed)
    finally:
        if not there:
            _drop(access)


def _made(access: Access, there: bool, what: str, needed: str) -> Check:
    try:
        tables.prepare(access)
    except (psycopg.Error, Problem) as error:
        return Check(what, False, tables.first_line(error), needed)
    found = f"{tables.SCHEMA} {'is there' if there else 'can be made'} in {access.data['database']}"
    return Check(what, True, found, needed)


def _drop(access: Access) -> None:
    """What was made, be it by half; a database that let nothing be made is left as it is."""
    try:
        with psycopg.connect(**access.sql_front(), autocommit=True) as connection:
            if tables.there(connection):
                connection.execute(DROP)
    except psycopg.Error as error:
        where = f"{DROP} in {access.data['database']}"
        raise Problem(f"the schema that was made is still there ({tables.first_line(error)})", where) from None


Found = tuple[bool, str]


def _write_probe(access: Access, events: list[dict]) -> Found:
    acked = [e for e in events if e["outcome"] == "acked"]
    if not acked:
        return False, _last_error(events)
    took = sorted((e["t"] - e["start"]) / 1e6 for e in acked)[len(acked) // 2]
    return (
        True,
        f"{len(acked)} writes through {access.front} taken by {acked[-1]['server'] or 'someone'}, median {took:.1f} ms",
    )


def _node_probe(access: Access, events: list[dict]) -> Found:
    shown, leaders = [], 0
    for host in access.inventory.role("postgres"):
        told = [e for e in events if e["host"] == host.name and (e["outcome"] == "acked" or e["readonly"])]
        leaders += bool(told) and told[-1]["outcome"] == "acked"
        last = ("took writes" if told[-1]["outcome"] == "acked" else "read-only") if told else None
        shown.append((bool(told), f"{host.name} {last or _last_error([e for e in events if e['host'] == host.name])}"))
    return all(fine for fine, _ in shown) and leaders == 1, "; ".join(text for _, text in shown)


def _etcd(access: Access, events: list[dict]) -> Found:
    leader = next((e["value"] for e in events if e["kind"] == "key" and e["key"] == "leader"), None)
    alive = [e["endpoint"] for e in events if e["kind"] == "alive"]
    if not access.etcd:
        return False, "no host has the role etcd"
    if not alive:
        return False, "no member lets us watch"
    if leader is None:
        return False, f"no leader key below {access.patroni_prefix}: are `cluster` and `patroni_namespace` right?"
    return True, f"{leader} holds the leader key, by {alive[-1]}"


def _patroni(access: Access, events: list[dict]) -> Found:
    last = {e["host"]: e for e in events}
    shown = []
    for host in access.inventory.role("postgres"):
        event = last.get(host.name, {"reachable": False, "error": "no word"})
        shown.append(f"{host.name} {event['role'] if event['reachable'] else event['error']}")
    fine = all(last.get(host.name, {}).get("reachable") for host in access.inventory.role("postgres"))
    return fine, "; ".join(shown)


def _haproxy(access: Access, events: list[dict]) -> Found:
    shown, fine = [], True
    for host in access.inventory.role("proxy"):
        mine = [e for e in events if e["host"] == host.name and e["backend"] == "postgres_write"]
        up = sorted({e["server"] for e in mine if str(e["status"]).startswith("UP")})
        fine = fine and bool(mine)
        error = next((e["error"] for e in events if e["host"] == host.name and e["error"]), "no such backend")
        shown.append(f"{host.name} sends writes to {', '.join(up) or 'nobody'}" if mine else f"{host.name} {error}")
    return fine, "; ".join(shown)


def _last_error(events: list[dict]) -> str:
    return next((e["error"] for e in reversed(events) if e["error"]), "no word of it")


LOOK: dict[str, Callable[[Access, list[dict]], Found]] = {
    "write_probe": _write_probe,
    "node_probe": _node_probe,
    "etcd": _etcd,
    "patroni": _patroni,
    "haproxy": _haproxy,
}
NEEDED = {
    "write_probe": "the outage of writes, lost writes: every verdict",
    "node_probe": "two primaries, promote, route: every verdict",
    "etcd": "detect, promote: every verdict",
    "patroni": "who was primary when: every verdict",
    "haproxy": 'where writes were sent; without it, say so: `unobserved = ["haproxy"]`',
}


# -- the rest --------------------------------------------------------------------------------------------


def _users(access: Access) -> Check:
    needed = "reads out, users' errors, 95 % of the load"
    if not access.has_app:
        return _users_of_a_log(access, needed)
    try:
        answer = httpx.get(f"{access.http_url}/cities", timeout=patroni.SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        return Check("users", False, f"{access.http_url}: {error or type(error).__name__}".splitlines()[0], needed)
    return Check("users", True, f"{access.http_url} answers ({len(answer.json())} cities)", needed)


def _users_of_a_log(access: Access, needed: str) -> Check:
    """Where there is no app; what they write is tried with the schema."""
    try:
        with psycopg.connect(**access.sql_read()) as connection:
            connection.execute("SELECT 1")
            where = f"{connection.info.host}:{connection.info.port}"
    except psycopg.Error as error:
        return Check("users", False, f"no reads: {tables.first_line(error)}", needed)
    return Check("users", True, f"no app: an event log's users, who read from {where}", needed)


def _power(access: Access) -> Check:
    """What the inventory says alone: these commands are tried by hand, not here."""
    hosts = access.inventory.hosts
    without = [host.name for host in hosts if not {"power_on", "power_off"} <= set(host.data.get("power", {}))]
    if without:
        return Check("power", None, f"no power_on and power_off for {', '.join(without)}", "power cuts")
    return Check("power", True, "every host has its commands; try them by hand", "power cuts")


# -- experiments -----------------------------------------------------------------------------------------


def _begun(it: Experiment, now: dict[str, str]) -> Experiment:
    """The experiment as one that begins now, with those by name who are something then."""
    steps = (replace(s, target=who.named(s.target, now)) if isinstance(s, Inject) else s for s in it.steps)
    return replace(it, steps=tuple(steps))


def _drill(it: Experiment, access: Access, checks: list[Check], connections: engine.Connections) -> dict[str, Any]:
    """Whether an experiment can be run: `in full`, `inconclusive` at best, or `no`; and why."""
    asked = fit.within(it, access)
    broken = [
        check.what
        for check in checks
        if check.ok is False and (check.what in NEEDED or check.what in ("schema", "users"))
    ]
    broken = [name for name in broken if name != "users" or asked.load.total]
    refused = _refusals(asked, access, checks, connections)
    blind = [f"no {name}" for name in broken]
    can = "no" if refused else "inconclusive" if blind else "in full"
    return {"experiment": it.name, "can": can, "why": [*refused, *blind]}


def _refusals(it: Experiment, access: Access, checks: list[Check], connections: engine.Connections) -> list[str]:
    rest = next(check for check in checks if check.what == "REST credentials")
    found = (
        ["it changes Patroni's settings, and has no credentials"]
        if getattr(it, "settings", None) and not rest.ok
        else []
    )
    for step in it.steps:
        if isinstance(step, Inject):
            found += _refusal(step, access, connections)
    return list(dict.fromkeys(found))


def _refusal(step: Inject, access: Access, connections: engine.Connections) -> list[str]:
    try:
        rails = {"max_hosts": len(access.inventory.hosts), "allow_quorum_loss": True}
        plan = engine.plan(step.fault, step.target, access, **rails)
        for host in plan.hosts:
            step.fault.refuse(
                Target(new_id(), step.target, host, access, plan.limit_s, connections[host.name], together=plan.hosts)
            )
    except Problem as problem:
        return [problem.cause]
    return []

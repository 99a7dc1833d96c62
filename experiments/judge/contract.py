"""What each kind of event holds: the contract between what is recorded and the judge, format 2.

The judge refuses an event that violates it and names the field. The tables of docs/events.md are generated from it.
Fields, kinds and sources that are not listed here are ignored.
"""

from collections.abc import Callable, Mapping
from typing import Any

from firedrill.experiments.judge.fields import (
    BOOLEAN,
    COUNT,
    ID,
    IDS,
    INTEGER,
    LENGTH,
    MOMENT,
    NAMED_TEXTS,
    NUMBER,
    OBJECT,
    SCALAR,
    TEXT,
    TEXTS,
    Field,
    Kind,
    check,
    objects,
    one_of,
    short,
)

ENVELOPE = {
    "t": Field(MOMENT, "When it happened (UTC), by the controller's clock.", True),
    "source": Field(TEXT, "What recorded it.", True),
    "kind": Field(TEXT, "What it is.", True),
    "host": Field(TEXT, "The host that the event is about, by its name in the inventory."),
}
OUTCOME = Field(one_of("failed", "unknown", "acked"), "The outcome.", True)
START = Field(MOMENT, "When it began.", True)
EPOCH = Field(ID, "The epoch of leadership, such as a timeline.")
HOST = Field(TEXT, "The host.", True)
REACHABLE = Field(BOOLEAN, "Whether the host answered.", True)
ERROR = Field(TEXT, "The error.")
TABLE = Field(TEXT, "`probe` (the write probe's) or `forecast` (the users').", True)
NAME = Field(TEXT, "Name.", True)
TIMINGS = dict.fromkeys(
    ("ttl", "loop_wait", "retry_timeout", "inter", "fastinter", "downinter", "rise", "fall"), Field(LENGTH, "Seconds.")
)

RUNNER = {
    "run": Kind(
        "The first event: what is run, where, and what is expected.",
        {
            "format": Field(INTEGER, "2.", True),
            "system": Field(TEXT, "The kind of cluster, by its name in `cluster/systems.py`.", True),
            "experiment": Field(TEXT, "The experiment's name.", True),
            "title": Field(TEXT, "Its title.", True),
            "question": Field(TEXT, "The question that it answers."),
            "hypothesis": Field(TEXT, "What is expected to happen."),
            "seed": Field(INTEGER, "The seed of all random choices."),
            "inventory": Field(TEXT, "The inventory file."),
            "profile": Field(OBJECT, "The cluster's settings and timings (s).", True),
            "topology": Field(objects(name=NAME, address=Field(TEXT, ""), roles=Field(TEXTS, "")), "Every host.", True),
            "databases": Field(TEXTS, "Hosts that run the database.", True),
            "coordinators": Field(TEXTS, "Hosts of the coordination service.", True),
            "proxies": Field(TEXTS, "Hosts that run a proxy.", True),
            "tiers": Field(objects(title=NAME, hosts=Field(TEXTS, "", True)), "Hosts by job, front first.", True),
            "observers": Field(
                objects(
                    name=NAME,
                    interval_ms=Field(LENGTH, ""),
                    hosts=Field(TEXTS, ""),
                    required=Field(BOOLEAN, "", True),
                ),
                "The observers. With `hosts`, each of these hosts must be observed.",
                True,
            ),
            "unobserved": Field(TEXTS, "Observers that this cluster lacks, or that the inventory disables."),
            "versions": Field(NAMED_TEXTS, "Versions of the software on the hosts."),
            "providers": Field(
                NAMED_TEXTS, "The lab provider of each host, by host: `nspawn`, `uml`; absent for existing hosts."
            ),
            "front": Field(TEXT, "The address that clients use."),
            "load": Field(
                OBJECT, "`file`, `rates` (arrivals per second, by name), `users` (their sum), `timeout_s`, `text`."
            ),
            "steps": Field(TEXTS, "The steps, in words."),
            "expectations": Field(
                objects(name=NAME, metric=NAME, op=NAME, wanted=Field(SCALAR, "")),
                "The expectations, each about one figure.",
                True,
            ),
        },
    ),
    "steady": Kind(
        "The steady state was checked.",
        {
            "phase": Field(one_of("before", "after"), "Before or after the faults.", True),
            "ok": Field(BOOLEAN, "Whether the cluster is in its steady state.", True),
            "leader": Field(TEXT, "The leader."),
            "sync_standbys": Field(TEXTS, "The synchronous standbys."),
            "epoch": EPOCH,
            "detail": Field(TEXT, "What is wrong."),
            "waited_ms": Field(LENGTH, "How long the runner waited for it."),
        },
    ),
    "roles": Kind(
        "Roles that can move between hosts, recorded after a `steady` that is ok.",
        {
            "phase": Field(one_of("before", "after"), "Before or after the faults.", True),
            "coordinator_leader": Field(TEXT, "The leader of the coordination service."),
            "address_holder": Field(TEXT, "The holder of the floating address."),
        },
    ),
    "observer": Kind(
        "An observer was started or stopped.",
        {
            "phase": Field(one_of("start", "stop"), "Which.", True),
            "name": Field(TEXT, "The observer: one of the sources below.", True),
            "interval_ms": Field(LENGTH, "The longest time between two of its samples."),
        },
    ),
    "step": Kind("A step began.", {"text": Field(TEXT, "The step, in words.")}),
    "settings": Kind(
        "Settings of the cluster were changed for the run, or restored.",
        {
            "phase": Field(TEXT, "`set`, `restored`, or `not_restored`: the cluster is left changed."),
            "before": Field(OBJECT, "The settings before."),
            "after": Field(OBJECT, "The settings after."),
            "detail": Field(TEXT, "What was done."),
        },
    ),
    "level": Kind(
        "A period that is one point of a curve; it ended at `t`.",
        {"name": Field(TEXT, "The level's name.", True), "start": START},
    ),
    "caught_up": Kind(
        "A node caught up with the leader, or did not do so in time.",
        {
            "host": HOST,
            "ok": Field(BOOLEAN, "Whether it caught up.", True),
            "by": Field(TEXT, "How, such as `its WAL alone` or `a new base copy`."),
        },
    ),
    "fault": Kind(
        "A fault, or a planned switchover, entered a phase. The `t` of `inject` is just before the injecting command.",
        {
            "phase": Field(
                one_of("inject", "effective", "not_effective", "heal", "clean", "not_clean"), "The phase.", True
            ),
            "id": Field(ID, "The fault's id.", True),
            "fault": Field(TEXT, "The fault's name.", True),
            "target": Field(TEXT, "The target as requested, such as `leader`."),
            "args": Field(OBJECT, "The fault's options."),
            "detail": Field(TEXT, "The exact commands, or the evidence."),
        },
    ),
    "note": Kind("A remark for readers of the report.", {"text": Field(TEXT, "The note.")}),
    "broken_off": Kind(
        "A part of the run raised an error. The run goes on to heal, to observe the steady state, and to be judged.",
        {
            "part": Field(TEXT, "The part."),
            "error": ERROR,
            "traceback": Field(TEXT, "The traceback of an unexpected error."),
        },
    ),
    "end": Kind(
        "The last event of the run itself.",
        {
            "ok": Field(BOOLEAN, "False if the run was aborted.", True),
            "detail": Field(TEXT, "Why it was aborted."),
            "steps_done": Field(BOOLEAN, "False if some steps were not executed."),
        },
    ),
}

OBSERVED = {
    ("write_probe", "write"): Kind(
        "A write by a client with its own connection, through the proxy.",
        {
            "id": Field(INTEGER, "Unique in the run.", True),
            "start": START,
            "outcome": OUTCOME,
            "server": Field(TEXT, "The node that accepted it."),
            "error": ERROR,
        },
    ),
    ("node_probe", "write"): Kind(
        "A write to one node, bypassing the proxy.",
        {
            "host": HOST,
            "start": START,
            "outcome": OUTCOME,
            "readonly": Field(BOOLEAN, "Whether the node refused it as read-only."),
            "epoch": EPOCH,
            "error": ERROR,
        },
    ),
    ("leadership", "leadership"): Kind(
        "The leadership changed, or was observed for the first time.",
        {"holder": Field(TEXT, "The host that holds it; null if none does."), "epoch": EPOCH},
    ),
    ("leadership", "sync"): Kind(
        "The synchronous standbys changed, or were observed for the first time.",
        {"standbys": Field(TEXTS, "The hosts.", True)},
    ),
    ("leadership", "alive"): Kind(
        "A heartbeat: the leadership is being observed.", {"endpoint": Field(TEXT, "The endpoint that answered.")}
    ),
    ("leadership", "unreachable"): Kind(
        "An endpoint did not answer. The observer asks the next one; changes in between are recorded late.",
        {"endpoint": Field(TEXT, "The endpoint."), "error": ERROR},
    ),
    ("leadership", "key"): Kind("Raw evidence; the judge ignores it.", {}),
    ("members", "member"): Kind(
        "What a member of the cluster reported; on each change, and at least every second.",
        {
            "host": HOST,
            "reachable": REACHABLE,
            "role": Field(TEXT, "`primary`, `replica` or `starting`, the same for every system."),
            "state": Field(TEXT, "Its state, as the system names it."),
            "epoch": EPOCH,
            "lag": Field(NUMBER, "Replication lag in bytes."),
            "pending_restart": Field(BOOLEAN, "Whether it needs a restart."),
            "error": ERROR,
        },
    ),
    ("proxy", "server"): Kind(
        "The status of a server of a proxy; on each change, and at least every second.",
        {
            "host": HOST,
            "reachable": REACHABLE,
            "purpose": Field(one_of("write", "read", "app"), "What the proxy uses the server for."),
            "backend": Field(TEXT, "The proxy's name of this backend."),
            "server": Field(TEXT, "The server, by its name in the inventory."),
            "status": Field(TEXT, "`UP`, `DOWN`, ..."),
            "check": Field(TEXT, "The proxy's last health check."),
            "error": ERROR,
        },
    ),
    ("users", "request"): Kind(
        "A request by a user. Requests start on schedule, regardless of the outcome of earlier ones.",
        {
            "id": Field(ID, "The id of the row, for a write."),
            "method": Field(TEXT, "`POST` (a write) or `GET` (a read).", True),
            "name": Field(TEXT, "What was requested."),
            "due": Field(MOMENT, "When it should have started; for a retry, when the first attempt should have."),
            "start": START,
            "status": Field(INTEGER, "The HTTP status, or 0."),
            "outcome": Field(one_of("ok", "error", "failed", "unknown", "acked"), "For a read, `ok` or `error`.", True),
            "error": ERROR,
        },
    ),
    ("users", "alive"): Kind(
        "A heartbeat, every second.",
        {
            "users": Field(COUNT, "Arrivals per second."),
            "under_way": Field(COUNT, "Requests in flight."),
        },
    ),
    ("tcp", "counters"): Kind(
        "The counters of a host's kernel from `start` to `t`, or since its boot.",
        {
            "host": HOST,
            "reachable": REACHABLE,
            "start": Field(MOMENT, "The time of the previous sample.", True),
            "retransmits": Field(COUNT, "Retransmitted segments."),
            "checksum_errors": Field(COUNT, "Segments dropped for a wrong checksum."),
            "sent": Field(COUNT, "Segments sent."),
            "boot": Field(TEXT, "Boot id; changes with each boot."),
            "error": ERROR,
        },
    ),
    ("tables", "present"): Kind(
        "Ids in a table at the end.", {"table": TABLE, "ids": Field(IDS, "At most 5000 per event.", True)}
    ),
    ("tables", "present_end"): Kind(
        "A table was read to its end.",
        {
            "table": TABLE,
            "count": Field(COUNT, "How many rows it holds.", True),
            "leader": Field(TEXT, "The node that it was read from."),
        },
    ),
    ("logs", "line"): Kind(
        "A line of a host's log.",
        {
            "host": HOST,
            "unit": Field(TEXT, "Its unit, or its file.", True),
            "text": Field(TEXT, "The line.", True),
            "times": Field(COUNT, "How many lines were identical except for digits."),
            "turn": Field(TEXT, "The nearest turning point.", True),
            "turn_t": Field(MOMENT, "When that turning point occurred.", True),
        },
    ),
    ("logs", "left_out"): Kind("Lines were omitted.", {"host": HOST, "lines": Field(COUNT, "How many.", True)}),
    ("logs", "clock"): Kind(
        "A host's clock was compared.",
        {
            "host": HOST,
            "offset_ms": Field(NUMBER, "The host's clock minus the controller's.", True),
            "error_ms": Field(NUMBER, "The uncertainty of the offset.", True),
        },
    ),
    ("logs", "silent"): Kind("A host did not answer.", {"host": HOST, "error": ERROR}),
    ("logs", "note"): Kind("Why there are no lines.", {"text": Field(TEXT, "The reason.")}),
}  # fmt: skip
EVENTS: Mapping[tuple[str, str], Kind] = {("runner", kind): row for kind, row in RUNNER.items()} | OBSERVED


def check_event(event: Any) -> None:
    """Refuse an invalid event: ValueError with the field, the wanted and the found value."""
    if not isinstance(event, dict):
        raise ValueError(f"wanted an object, found {type(event).__name__}")
    check(event, ENVELOPE, "the event")
    source, kind = event["source"], event["kind"]
    known = EVENTS.get((source, kind))
    if known is None:
        return
    check(event, known.fields, f"{source} {kind}")
    for name in ("start", "due"):
        began = event.get(name) if name in known.fields else None
        if began is not None and began > event["t"]:
            raise ValueError(f"{name!r} is {began}, after it ended at {event['t']}")
    if further := FURTHER.get((source, kind)):
        further(event)


def _check_profile(event: Mapping[str, Any]) -> None:
    check(event["profile"], TIMINGS, "the profile")


def _check_request(event: Mapping[str, Any]) -> None:
    """A POST is a write: it has the id of its row, and the outcome of a write."""
    if event["method"] == "POST":
        check(event, {"id": Field(ID, "", True), "outcome": OUTCOME}, "users request (POST)")


def _check_ids(event: Mapping[str, Any]) -> None:
    wrong = next((i for i in event["ids"] if not isinstance(i, int)), None) if event["table"] == "probe" else None
    if wrong is not None:
        raise ValueError(f"'ids' cannot hold {short(wrong)}, wanted integers: the write probe's ids are")


FURTHER: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], None]] = {
    ("runner", "run"): _check_profile,
    ("users", "request"): _check_request,
    ("tables", "present"): _check_ids,
}

"""The kinds of event that observers record, and those about tables and logs."""

from firedrill.cluster.observer import UNOBSERVED
from firedrill.experiments.judge.common_fields import (
    CANNOT_LEAD,
    EPOCH,
    ERROR,
    HOST,
    MODES,
    OUTCOME,
    REACHABLE,
    START,
)
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
    TEXT,
    TEXTS,
    Field,
    Kind,
    one_of,
)

NOT_OBSERVED = Kind(
    "The observer could not verify the server, or could not log in. No sample: the judge treats it as a gap.",
    {"host": Field(TEXT, "The host; null for an observer of the entire cluster."), "error": ERROR},
)
ALERT = Field(TEXT, "The alert's name.", True)
LABELS = Field(NAMED_TEXTS, "Its labels.", True)
PART = Field(one_of("rules", "notifier"), "What evaluates the rules, or what sends the notifications.", True)
SINCE = Field(TEXT, "Since when, by the server's clock.")
TABLE = Field(TEXT, "`probe` (the write probe's) or `forecast` (the users').", True)
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
    ("write_probe", UNOBSERVED): NOT_OBSERVED,
    ("node_probe", UNOBSERVED): NOT_OBSERVED,
    ("leadership", "leadership"): Kind(
        "The leadership changed, or was observed for the first time.",
        {"holder": Field(TEXT, "The host that holds it; null if none does."), "epoch": EPOCH},
    ),
    ("leadership", "sync"): Kind(
        "The synchronous standbys changed, or were observed for the first time.",
        {"standbys": Field(TEXTS, "The hosts.", True)},
    ),
    ("leadership", "cluster"): Kind(
        "Who is a member, who of them never leads, or the cluster's mode changed, or was observed for the first time.",
        {"members": Field(TEXTS, "Every database of the cluster.", True), "cannot_lead": CANNOT_LEAD, "modes": MODES},
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
    ("leadership", UNOBSERVED): NOT_OBSERVED,
    ("members", UNOBSERVED): NOT_OBSERVED,
    ("proxy", UNOBSERVED): NOT_OBSERVED,
    ("address", UNOBSERVED): NOT_OBSERVED,
    ("tcp", UNOBSERVED): NOT_OBSERVED,
    ("fence", UNOBSERVED): NOT_OBSERVED,
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
    ("address", "holder"): Kind(
        "Whether a proxy held the floating address at some moment between `start` and `t`.",
        {
            "host": HOST,
            "start": START,
            "reachable": REACHABLE,
            "holds": Field(BOOLEAN, "Whether it held the address; null if it was unreachable."),
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
    ("alerts", UNOBSERVED): NOT_OBSERVED,
    ("alerts", "poll"): Kind(
        "A server of the monitoring was asked for its alerts; at least once a second.",
        {
            "host": HOST,
            "part": PART,
            "reachable": REACHABLE,
            "active": Field(COUNT, "How many alerts it listed."),
            "error": ERROR,
        },
    ),
    ("alerts", "alert"): Kind(
        "The state of an alert changed, or was observed for the first time.",
        {
            "host": HOST,
            "part": PART,
            "alert": ALERT,
            "labels": LABELS,
            "state": Field(
                one_of("pending", "firing", "active", "suppressed", "ended"),
                "Of `rules`: `pending` or `firing`; of `notifier`: `active` or `suppressed`; of both: `ended`.",
                True,
            ),
            "since": SINCE,
            "receivers": Field(TEXTS, "The receivers that the notifier sends it to."),
        },
    ),
    ("alerts", "notification"): Kind(
        "A notification about an alert was received.",
        {
            "host": HOST,
            "alert": ALERT,
            "labels": LABELS,
            "status": Field(one_of("firing", "resolved"), "What it reports.", True),
            "since": SINCE,
            "receiver": Field(TEXT, "The receiver that it was sent to, by the notifier's name for it."),
        },
    ),
    ("alerts", "receiver"): Kind(
        "Whether notifications of a host can be received, shown by one that was sent there at `start` as a test.",
        {"host": HOST, "start": START, "listening": Field(BOOLEAN, "Whether the test arrived.", True), "error": ERROR},
    ),
    ("alerts", "rejected"): Kind(
        "A message arrived that is not a notification; it is ignored.", {"host": HOST, "error": ERROR}
    ),
    ("clock", "step"): Kind(
        "The controller's wall clock was stepped. No time of the run depends on it.",
        {"size_ms": Field(NUMBER, "By how much; forward is positive.", True)},
    ),
    ("clock", "suspended"): Kind(
        "The controller was suspended between `start` and `t`: nothing was observed.",
        {"start": START, "size_ms": Field(LENGTH, "For how long.", True)},
    ),
    ("clock", "stalled"): Kind(
        "A process of the run did not run between `start` and `t`.",
        {"start": START, "process": Field(TEXT, "`runner`, or the observer.", True)},
    ),
    ("fence", "agent"): Kind(
        "The state of the fence's agent on a host; on each change, and at least every second.",
        {
            "host": HOST,
            "reachable": REACHABLE,
            "alive": Field(BOOLEAN, "Whether the agent runs and acts; null if the host was unreachable."),
            "mode": Field(TEXT, "Its mode, as it reports it."),
            "refusing": Field(TEXTS, "The hosts that this host refuses all connections with."),
            "error": ERROR,
        },
    ),
    ("fence", "decision"): Kind(
        "What an agent decided, or did.",
        {
            "host": HOST,
            "what": Field(
                one_of("vote", "veto", "lock", "decline", "power", "block", "release", "lift", "unblock"),
                "`vote`: it takes the other host for dead; `veto`: it sees it alive; `lock`: it may act on the votes; "
                "`decline`: it does not act; `power`: it confirmed that the host is off; `block`: it refuses the "
                "host; `release`: it ended the host's leadership; `lift`: it ended the refusal; `unblock`: it "
                "refuses the host no longer.",
                True,
            ),
            "about": Field(TEXT, "The other host."),
            "detail": Field(TEXT, "The reason, as the agent gives it."),
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

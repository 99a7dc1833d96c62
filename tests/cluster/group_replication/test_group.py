"""Which report of a MySQL group is believed, and what follows from it: view, steady state, events, recovery, timing."""

import asyncio
import contextlib
import ssl
from dataclasses import replace

import pymysql
import pytest

from firedrill.cluster.dialect import NotAnswered
from firedrill.cluster.group_replication import (
    lane,
    leadership,
    members,
    operations,
    recovery,
    reports,
    session,
    settings,
    sql,
    timing,
    view,
)
from firedrill.cluster.group_replication.reports import Report, Row
from firedrill.cluster.outcomes import ACKED, FAILED, UNKNOWN
from firedrill.cluster.system import Injection
from firedrill.faults import engine
from firedrill.faults.protocol import Refused
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host, Inventory, defaults
from firedrill.inventories.secrets import Secrets

NAMES = ("db1", "db2", "db3")


@pytest.fixture
def access(tmp_path) -> Access:
    data = defaults() | {"system": "group_replication", "secrets_file": str(tmp_path / "secrets.json")}
    databases = [Host(name, f"192.0.2.{last}", ("mysqld",), data) for last, name in enumerate(NAMES, 21)]
    hosts = (*databases, Host("lb1", "192.0.2.31", ("proxy",), data))
    return Access(Inventory(tmp_path / "x.py", hosts), Secrets({"firedrill": "a", "group_admin": "b"}))


def test_a_group_that_others_made_is_reached_as_its_inventory_says(access, tmp_path, monkeypatch):
    """Addresses, ports, credentials, TLS: nothing of a deployed cluster is assumed, and no secret is made."""
    monkeypatch.setenv("OPERATORS", "op-pw")
    given = {
        "foreign": True,
        "ports": defaults()["ports"] | {"mysql": 3307, "write": 6446, "read": 6447},
        "credentials": {
            "sql": {"user": "drills", "password": "sql-pw"},
            "group_replication": {"user": "dba", "password_env": "OPERATORS"},
        },
    }
    hosts = tuple(replace(host, data=host.data | given) for host in access.inventory.hosts)
    theirs = Access(Inventory(tmp_path / "x.py", hosts), Secrets())
    node, operator = theirs.mysql(hosts[0]), theirs.mysql_operator(hosts[0])
    assert (node.address, node.port, node.auth, node.tls) == ("192.0.2.21", 3307, ("drills", "sql-pw"), None)
    assert operator.auth == ("dba", "op-pw")
    assert [(one.address, one.port) for one in theirs.mysql_front("write")] == [("192.0.2.31", 6446)]
    direct = replace(theirs, inventory=replace(theirs.inventory, hosts=hosts[:3]))
    assert [(one.address, one.port) for one in direct.mysql_front("read")] == [
        (f"192.0.2.{last}", 3307) for last in (21, 22, 23)
    ]
    assert "op-pw" not in repr(theirs) and not (tmp_path / "secrets.json").exists()


def test_without_a_proxy_writers_find_the_primary(monkeypatch):
    closed = []

    class Server:
        def __init__(self, endpoint, *_):
            self.address = endpoint.address
            if self.address == "192.0.2.21":
                raise pymysql.OperationalError(2003, "no route")

        def close(self):
            closed.append(self.address)

    monkeypatch.setattr(sql, "connect", Server)
    monkeypatch.setattr(sql, "rows", lambda server, _: [[int(server.address != "192.0.2.23")]])
    servers = [Endpoint(f"mysql://192.0.2.{last}:3306") for last in (21, 22, 23)]
    assert sql.connect_to_any(servers, 1, 1, writable=True).address == "192.0.2.23"
    assert closed == ["192.0.2.22"]
    assert sql.connect_to_any(servers, 1, 1).address == "192.0.2.22"
    with pytest.raises(pymysql.OperationalError, match=r"192\.0\.2\.22 is read-only"):
        sql.connect_to_any(servers[:2], 1, 1, writable=True)


def report(name: str, states: str, primary: str = "db1", counter: int = 5, **more: object) -> Report:
    """A server's report: a letter for each server, Online, Unreachable, Recovering, or - where it is no member."""
    words = {"O": "ONLINE", "U": "UNREACHABLE", "R": "RECOVERING"}
    rows = [
        Row(one, f"id-{one}", words[letter], "PRIMARY" if one == primary else "SECONDARY", f"host-{one}")
        for one, letter in zip(NAMES, states, strict=True)
        if letter != "-"
    ]
    known = Report(name, f"id-{name}", tuple(rows), f"1795:{counter}", read_only=name != primary)
    return replace(known, **more)


HEALTHY = [report(name, "OOO") for name in NAMES]
SILENT = Report("db1", error="no answer")
# db1 was cut off, and does not know yet that the others have gone on without it.
CUT_OFF = [report("db1", "OOO"), *(report(name, "-OO", "db2", 6) for name in ("db2", "db3"))]
# The others were killed; the primary stays, and its writes block.
LAST_ONE = [report("db1", "OUU"), Report("db2", error="refused"), Report("db3", error="refused")]
ALL_LEFT = [Report(name, f"id-{name}") for name in NAMES]


def test_the_newest_view_of_a_majority_is_believed():
    assert reports.believed(CUT_OFF).primary.name == "db2"
    assert reports.believed([report("db1", "OUU"), *CUT_OFF[1:]]).name == "db2"
    # Of a number, not of a text.
    assert reports.believed([report("db2", "OOO", counter=10), report("db1", "OOO", counter=9)]).name == "db2"


@pytest.mark.parametrize("found", [LAST_ONE, ALL_LEFT, [SILENT]])
def test_without_a_majority_nobody_is_believed(access, found):
    assert reports.believed(found) is None
    assert view.of(access, found).leader is None
    assert "no server sees a majority" in view.of(access, found).error


def test_the_view_has_roles_and_those_who_were_left_out(access):
    found = view.of(access, CUT_OFF)
    assert found.leader.name == "db2" and found.leader.epoch == "1795:6" and found.sync_standbys == ("db3",)
    left = next(member for member in found.members if member.name == "db1")
    assert not left.healthy and left.role == "starting"


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (HEALTHY, None),
        ([replace(HEALTHY[0], read_only=True), *HEALTHY[1:]], "no primary that accepts writes"),
        ([report(name, "OOR") for name in NAMES], "db3 is RECOVERING, wanted ONLINE"),
        (
            [report("db1", "OO-"), report("db2", "OO-"), Report("db3", error="refused")],
            "db3 is no answer, wanted ONLINE",
        ),
    ],
)
def test_the_steady_state(access, found, missing):
    said = view.missing(access, view.of(access, found))
    assert said is None if missing is None else missing in said


def test_leadership_is_recorded_when_it_changes(access):
    events = []
    recorded = leadership.Recorded(access, lambda kind, **fields: events.append({"kind": kind} | fields))
    for found in (HEALTHY, HEALTHY, [SILENT, *HEALTHY[1:]], CUT_OFF):
        recorded.update(found)
    assert [(e["holder"], e["epoch"]) for e in events if e["kind"] == "leadership"] == [
        ("db1", "1795:5"),
        ("db2", "1795:6"),
    ]
    assert [e["standbys"] for e in events if e["kind"] == "sync"] == [["db2", "db3"], ["db3"]]
    assert leadership.found(access, events)[0]


def test_a_lost_majority_is_no_leader_and_silence_is_none_observed(access):
    events = []
    recorded = leadership.Recorded(access, lambda kind, **fields: events.append({"kind": kind} | fields))
    recorded.update(HEALTHY)
    recorded.update(LAST_ONE)
    assert [e["holder"] for e in events if e["kind"] == "leadership"] == ["db1"], "one of three cannot tell"
    recorded.update([replace(one, rows=()) for one in ALL_LEFT])
    assert [e["holder"] for e in events if e["kind"] == "leadership"] == ["db1", None]
    recorded.update([Report(name, error="refused") for name in NAMES])
    assert events[-1]["kind"] == "unreachable"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (pymysql.OperationalError(1045, "Access denied for user 'firedrill'@'x'"), "unobserved"),
        (ssl.SSLCertVerificationError("certificate verify failed: certificate has expired"), "unobserved"),
        (pymysql.OperationalError(2003, "Can't connect to MySQL server on 'x' (refused)"), None),
    ],
)
@pytest.mark.parametrize("observer", [leadership, members])
def test_of_servers_that_keep_the_observer_out_nothing_is_observed(access, monkeypatch, observer, error, kind):
    events = []

    def refused(*_):
        raise error

    async def observe():
        task = asyncio.create_task(observer.OBSERVER.observe(access, write))
        await asyncio.sleep(0.5)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def write(kind, *, host=None, **fields):
        if "no answer yet" not in fields["error"]:
            events.append({"kind": kind, "host": host} | fields)

    monkeypatch.setattr(sql, "connect", refused)
    asyncio.run(observe())
    assert {event["kind"] for event in events} == {kind or ("unreachable" if observer is leadership else "member")}
    works, shown = observer.OBSERVER.check(access, events)
    assert not works and sql.cause(error) in shown


def test_a_member_is_recorded_as_it_reports_itself():
    assert members.state(HEALTHY[0]) | {"role": "primary", "state": "ONLINE", "epoch": "1795:5"} == members.state(
        HEALTHY[0]
    )
    assert members.state(report("db3", "OOR"))["role"] == "starting"
    assert members.state(SILENT)["reachable"] is False


# Outcomes


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (pymysql.err.OperationalError(2013, "Lost connection"), UNKNOWN),
        (pymysql.err.OperationalError(1053, "Server shutdown in progress"), UNKNOWN),
        (TimeoutError("no answer"), UNKNOWN),
        (pymysql.err.OperationalError(1290, "--super-read-only"), FAILED),
        (pymysql.err.OperationalError(3100, "hook before_commit failed"), FAILED),
        (pymysql.err.OperationalError(3101, "rolled back by the plugin"), FAILED),
    ],
)
def test_the_outcome_of_an_error(error, outcome):
    assert sql.outcome(error) == outcome


class Server:
    """A connection that answers each statement with rows, or an error."""

    open = True

    def __init__(self, answers):
        self.answers = answers

    def close(self):
        self.open = False


@pytest.fixture
def server(monkeypatch):
    """The answers of the next connection, by a part of the statement."""
    answers = {"@@report_host": [("192.0.2.21",)], "view_id": [("1795:5",)], "INSERT": []}

    def rows(connection, statement, values=()):
        found = next(answer for words, answer in connection.answers.items() if words in statement)
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(sql, "connect", lambda *_: Server(answers))
    monkeypatch.setattr(sql, "rows", rows)
    return answers


def probe():
    endpoint = Endpoint("mysql://192.0.2.21:3306")
    return lane.MySQLLane(lambda: [endpoint], "INSERT", lambda identity: (identity,), 1, 1, with_epoch=True)


def test_an_acknowledged_write_has_its_server_and_view(server):
    one = probe()
    answer = one.write_now(1)
    assert (answer.outcome, answer.server, answer.epoch) == (ACKED, "192.0.2.21", "1795:5") and one.open


def test_a_write_stays_acknowledged_if_the_view_cannot_be_asked(server):
    server["view_id"] = pymysql.err.OperationalError(2013, "no answer")
    one = probe()
    answer = one.write_now(1)
    assert (answer.outcome, answer.epoch) == (ACKED, None) and not one.open


@pytest.mark.parametrize(("code", "readonly"), [(1290, True), (2013, False)])
def test_a_connection_survives_only_a_refusal_as_read_only(server, code, readonly):
    server["INSERT"] = pymysql.err.OperationalError(code, "x")
    one = probe()
    answer = one.write_now(1)
    assert (answer.readonly, one.open) == (readonly, readonly) and answer.error == f"{code}: x"


def test_a_user_learns_the_outcome(server):
    server["INSERT"] = pymysql.err.OperationalError(2013, "gone")
    with pytest.raises(NotAnswered) as caught:
        session.MySQLSession([Endpoint("mysql://192.0.2.21:3306")]).insert("x", "y")
    assert caught.value.outcome == UNKNOWN


def test_without_a_server_nothing_was_written(monkeypatch):
    def refused(*_):
        raise pymysql.err.OperationalError(2003, "refused")

    monkeypatch.setattr(sql, "connect", refused)
    with pytest.raises(NotAnswered, match="2003: refused") as caught:
        session.MySQLSession([Endpoint("mysql://192.0.2.21:3306")])
    assert caught.value.outcome == FAILED


# Changes


@pytest.fixture
def done(monkeypatch):
    """What was run on which server."""
    found = []
    monkeypatch.setattr(recovery, "_run", lambda access, name, *statements: found.append((name, *statements)))
    monkeypatch.setattr(recovery, "_ask", lambda access, name, statement, *values: f"{name}:33061")
    monkeypatch.setattr(operations, "executed", lambda access, name: f"of {name}")
    return found


def recovered(access, monkeypatch, found):
    monkeypatch.setattr(reports, "once", lambda access: found)
    return recovery.recover(access)


def test_a_group_that_works_is_left_to_its_keepers(access, monkeypatch, done):
    assert recovered(access, monkeypatch, CUT_OFF) == [] and done == []


def test_a_lost_majority_is_forced_to_those_that_are_left(access, monkeypatch, done):
    assert recovered(access, monkeypatch, LAST_ONE) == ["db1: forced the membership to db1"]
    ((name, force, back),) = done
    assert name == "db1" and "force_members = 'db1:33061'" in force and back.endswith("= ''")


def test_after_a_total_outage_the_server_with_all_transactions_forms_the_group(access, monkeypatch, done):
    answers = {("of db2", "of db2"), ("of db1", "of db2"), ("of db3", "of db2")}
    ask = lambda access, name, statement, *pair: "1" if pair in answers or pair[0] == pair[1] else "0"  # noqa: E731
    monkeypatch.setattr(recovery, "_ask", ask)
    assert "db2: bootstrapped the group" in recovered(access, monkeypatch, ALL_LEFT)[0]
    assert done[0][0] == "db2" and "START GROUP_REPLICATION" in done[0]
    monkeypatch.setattr(recovery, "_ask", lambda *_: "0")
    with pytest.raises(Problem, match="no server has the transactions of all others"):
        recovered(access, monkeypatch, ALL_LEFT)


def test_a_silent_server_may_have_more_transactions(access, monkeypatch, done):
    with pytest.raises(Problem, match="db1: no answer.*may have more transactions"):
        recovered(access, monkeypatch, [SILENT, *ALL_LEFT[1:]])
    assert done == []


def test_only_known_settings_are_changed(access):
    with pytest.raises(Problem, match="no setting 'x; DROP'"):
        settings.configure(access, {"x; DROP": 1})


def test_the_majority_of_the_servers_is_guarded(access, monkeypatch):
    hosts = access.inventory.role("mysqld")
    engine._keep_quorum(hosts[:1], access)
    with pytest.raises(Refused, match="db1, db2 are 2 of 3 mysqld members"):
        engine._keep_quorum(hosts[:2], access)


# The timing model

PROFILE = {"member_expel_timeout": 0, "downinter": 0.5, "fastinter": 0.5, "rise": 1}


@pytest.mark.parametrize(("expel", "low", "high"), [(0, 5300, 10000), (5, 10300, 30000)])
def test_the_model_adds_suspicion_expulsion_election_and_proxy(expel, low, high):
    cut = [Injection(0, "power_cut", "db1")]
    found = timing.predict(PROFILE | {"member_expel_timeout": expel}, cut, (), "db1", None)
    assert (found.low_ms, found.high_ms) == (low, high)
    assert set(found.phases) == set(found.terms)
    assert timing.predict(PROFILE, cut, (), "db2", None) is None and timing.predict({}, cut, (), "db1", None) is None


def test_names_come_from_addresses(access):
    row = reports._row(access, ("id", "192.0.2.22", "ONLINE", "PRIMARY", "id", 0))
    assert row.name == "db2" and reports._row(access, ("id", "elsewhere", "ONLINE", "", "id", 0)).name == "elsewhere"


def test_every_connection_is_verified(access):
    for endpoint in (access.mysql(access.inventory["db1"]), *access.mysql_front("write")):
        assert endpoint.tls is not None and endpoint.tls.ca.endswith("ca.crt")
    assert access.mysql_front("write")[0].place == "192.0.2.31:5000"
    assert access.mysql_operator(access.inventory["db1"]).auth == ("firedrill_admin", "b")

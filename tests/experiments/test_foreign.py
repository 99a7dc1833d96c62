"""A cluster that others made, from an inventory file alone: what is seen of it, what a drill of it says."""

import json
import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from firedrill.cluster import names, ssh
from firedrill.cluster.each import each
from firedrill.cluster.patroni import coordinator, dialect, operations, rest, steady
from firedrill.cluster.patroni import settings as timings
from firedrill.experiments.catalogue import EXPERIMENTS
from firedrill.experiments.drills.common import SAFE
from firedrill.experiments.judge.facts import TurningPoint
from firedrill.experiments.judge.recording import load_events
from firedrill.experiments.run import logs
from firedrill.inventories import authority
from firedrill.inventories.access import access
from firedrill.inventories.authority import CLIENT, SERVER, Issued
from firedrill.inventories.read import Host, read
from tests.experiments.cluster.helpers import configure, drilled, missed_times, run, under_way
from tests.labs import ROOT, place

pytestmark = pytest.mark.lab("foreign")
NAME, SUBNET = place("foreign")
TOKEN = "7xQzw2"
NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")
LEFT_OUT = "epsilon"
INVENTORY = """
def _host(name, number, **more):
    return name, {{"ssh_hostname": f"{subnet}.{{10 + number}}", "patroni_name": f"PG-{{name.upper()}}.prod"}} | more


_debian = {{
    "units": {{"patroni": "patroni@17-main"}},
    "ports": {{"patroni": 18009, "postgres": 5433}},
    "postgres_data": "/var/lib/postgresql/17/*",
    "postgres_logs": ["/var/log/postgresql/*.log"],
}}
_mine = {{"ca": "{folder}/ca.crt", "cert": "{folder}/me.crt", "key": "{folder}/me.key"}}
etcd = [_host("alpha", 1), _host("beta", 2), _host("gamma", 3)]
postgres = [*etcd, _host("delta", 4, **_debian), _host("epsilon", 5)]
all = (
    postgres,
    {{
        "lab": {{"name": "{name}", "provider": "nspawn", "bridge": "fd{name}", "address": "{subnet}.1/24"}},
        "ssh_key": "/var/lib/firedrill/{name}/ssh_key",
        "ssh_known_hosts_file": "/var/lib/firedrill/{name}/known_hosts",
        "power": {{
            "power_on": "lab -i {{inventory}} start {{name}}",
            "power_off": "lab -i {{inventory}} cut {{name}}",
        }},
        "chaos_allowed": True,
        "foreign": True,
        "cluster": "17-main",
        "patroni_namespace": "/postgresql-common/",
        "secrets_file": "{secrets}",
        "database": "orders",
        "etcd_tls": _mine,
        "patroni_tls": _mine,
        "sql_options": {{"sslrootcert": "{folder}/ca.crt"}},
        "ports": {{"etcd": 12379, "patroni": 18008, "postgres": 6432}},
        "units": {{"patroni": "pgha", "etcd": "dcs"}},
        "postgres_data": "/srv/pg/*",
        "postgres_logs": ["/srv/pg-logs/*.log"],
        "credentials": {{
            "sql": {{"user": "dba", "password": "sql-pw-{token}"}},
            "patroni_rest": {{"user": "operator", "password_file": "{folder}/rest.password"}},
            "etcd": {{"user": "root", "password": "etcd-pw-{token}"}},
        }},
    }},
)
"""


@pytest.fixture(scope="module")
def foreign(tmp_path_factory, lab_up):
    """The inventory file of a cluster that this project did not provision, in a folder without our group data."""
    folder = tmp_path_factory.mktemp("foreign")
    ca = own_files(folder)
    file = folder / "theirs.py"
    words = {"name": NAME, "subnet": SUBNET, "token": TOKEN, "folder": folder, "secrets": folder / "secrets.json"}
    file.write_text(INVENTORY.format(**words))
    with lab_up(file):
        build(access(read(file)), ca)
        yield file


def own_files(folder: Path) -> Issued:
    """Write what INVENTORY names of the controller: a password, a certificate; return the CA of the cluster."""
    (folder / "rest.password").write_text(f"rest-pw-{TOKEN}\n")
    (folder / "rest.password").chmod(0o600)
    ca = authority.new_ca("theirs")
    me = authority.issue(ca, "drills", authority.for_names((), frozenset({CLIENT})), 1)
    for name, content in (("ca.crt", ca.cert), ("other.crt", authority.new_ca("others").cert), ("me.crt", me.cert)):
        (folder / name).write_bytes(content)
    with open(os.open(folder / "me.key", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as key:
        key.write(me.key)
    return ca


def with_certificate(host: Host, ca: Issued) -> str:
    """A script that writes the certificate of a host."""
    wanted = authority.for_names((host.address, "127.0.0.1"), frozenset({SERVER, CLIENT}))
    issued = authority.issue(ca, host.name, wanted, 1)
    files = {"ca.crt": ca.cert, "host.crt": issued.cert, "host.key": issued.key}
    written = [f"cat >{name} <<'PEM'\n{content.decode()}PEM" for name, content in files.items()]
    return "\n".join(["umask 077", "mkdir -p /srv/tls", "cd /srv/tls", *written])


def build(ways, ca: Issued) -> None:
    hosts = ways.inventory.hosts
    text = (ROOT / "tests/experiments/foreign.sh").read_text()
    addresses = " ".join(host.address for host in hosts)

    def one(pair):
        number, host = pair
        with ssh.connect(host) as connection:
            name = names.member_of(ways, host.name)
            ssh.script(connection, with_certificate(host, ca))
            ssh.sh(connection, f"TOKEN={TOKEN} sh -s {number} {name} {addresses}", stdin=text, seconds=120)

    each(one, list(enumerate(hosts, 1)))
    deadline = time.monotonic() + 180
    while len([m for m in rest.view(ways).members if m.state in ("running", "streaming")]) < len(hosts):
        found = {member.name: member.state for member in rest.view(ways).members}
        assert time.monotonic() < deadline, found or rest.view(ways).error
        time.sleep(0.5)
    with psycopg.connect(**ways.sql_front() | {"dbname": "postgres"}, autocommit=True) as connection:
        connection.execute("CREATE DATABASE orders")


@pytest.fixture(scope="module")
def ways(foreign):
    return access(read(foreign))


def test_the_cluster_is_seen_under_the_names_of_the_inventory(ways):
    view = rest.view(ways)
    assert sorted(member.name for member in view.members) == sorted(NAMES)
    assert view.leader.name in NAMES
    assert coordinator.leader(ways) in NAMES
    assert coordinator.has_quorum(ways)
    assert coordinator.members(ways) == ("alpha", "beta", "gamma")
    settings = timings.in_effect(ways)
    assert (settings["ttl"], settings["primary_start_timeout"], settings["synchronous_mode"]) == (20, 300, "on")
    assert not (ways.inventory.path.parent / "secrets.json").exists(), "no passwords are made for another's cluster"


def test_the_doctor_tells_what_it_can_be_asked(foreign, ways, command):
    done = command("experiments", "-i", foreign, "doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    checks = {row["what"]: row for row in found["checks"]}
    wanted = [
        "users",
        "write_probe",
        "node_probe",
        "leadership",
        "members",
        "credentials to change settings",
        "schema",
        *(f"SSH to {n}" for n in NAMES),
    ]
    assert {name: checks[name]["ok"] for name in wanted} == dict.fromkeys(wanted, True), checks
    assert "no app: users of an event log" in checks["users"]["found"]
    drills = {row["experiment"]: row for row in found["experiments"]}
    assert drills["leader_power_cut"]["can"] == "in full"
    assert drills["app_killed"]["can"] == "no"
    assert drills["long_isolation_copy"]["can"] == "in full", "whoever is a replica when a run begins"
    assert drills["last_node_standing"]["can"] == "in full"
    with psycopg.connect(**ways.sql_front()) as connection:
        assert not dialect.schema_exists(connection), "the schema it made is gone again"


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_doctor_that_is_interrupted_leaves_nothing_behind(foreign, ways, how, code):
    """Neither observers nor the schema that it made for them."""
    with psycopg.connect(**ways.sql_front(), autocommit=True) as connection:
        assert not dialect.schema_exists(connection)
        with under_way(foreign, "doctor") as child:
            observers, deadline = [], time.monotonic() + 60
            while len(observers) < 4 or not dialect.schema_exists(connection):  # all but HAProxy's, which is not there
                assert child.poll() is None and time.monotonic() < deadline
                observers = [
                    process for process in _children(child.pid) if b"firedrill.experiments.observe" in _text(process)
                ]
            child.send_signal(how)
            said = child.communicate(timeout=120)[1]
        assert child.returncode == code, said
        assert said.strip() == ("experiments: interrupted" if how == signal.SIGINT else "")
        assert not dialect.schema_exists(connection)
    assert [process for process in observers if b"firedrill.experiments.observe" in _text(process)] == []


def _children(pid: int) -> list[Path]:
    """The processes that it started, as folders of /proc."""
    return [
        process
        for process in Path("/proc").glob("[0-9]*")
        if (stat := _text(process, "stat")) and int(stat.rpartition(b")")[2].split()[1]) == pid
    ]


def _text(process: Path, name: str = "cmdline") -> bytes:
    try:
        return (process / name).read_bytes()
    except OSError:  # gone
        return b""


@pytest.mark.parametrize(
    ("was", "now", "broken"),
    [
        (f"sql-pw-{TOKEN}", "wrong", {"users", "write_probe", "node_probe", "schema"}),
        ("rest.password", "no.password", {"credentials to change settings"}),
        (f"etcd-pw-{TOKEN}", "wrong", {"leadership"}),
        ('"patroni": 18008', '"patroni": 18010', {"members"}),
        ('"17-main",\\n        "patroni_namespace"', '"nobody",\\n        "patroni_namespace"', {"leadership"}),
        ('"pgha"', '"patroni"', {f"services on {name}" for name in NAMES if name != "delta"}),
        ("PG-{name", "pg_{name", {"members of the cluster"}),
        (', _host("epsilon", 5)]', "]", {"members of the cluster"}),
        (
            '"etcd_tls": _mine',
            '"etcd_tls": {"ca": _mine["ca"].replace("ca.", "other.")}',
            {"leadership", "certificates"},
        ),
        ("return name, {", 'name = {"beta": "b"}.get(name, name); return name, {', {"members of the cluster"}),
    ],
)
def test_the_doctor_finds_what_is_wrong(foreign, command, was, now, broken):
    """One thing at a time is wrong in the inventory; the doctor names it, and no other."""
    text, was, now = foreign.read_text(), was.replace("\\n", "\n"), now.replace("\\n", "\n")
    assert was in text
    file = foreign.with_name("wrong.py")
    file.write_text(text.replace(was, now))
    done = command("experiments", "-i", file, "doctor", "--json")
    assert done.returncode == 2, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert {row["what"] for row in found["checks"] if row["ok"] is False} == broken
    assert TOKEN not in done.stdout + done.stderr


def test_a_power_cut_of_its_leader_is_drilled_to_a_verdict(foreign, command, tmp_path):
    done = drilled(
        command,
        "-i",
        foreign,
        "run",
        "leader_power_cut",
        "--seed",
        "3",
        "--json",
        "--reports",
        tmp_path,
        seconds=600,
    )
    assert done.returncode in (0, 1), done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["verdict"] in ("pass", "fail")
    judged = {item["metric"]: item["verdict"] for item in verdict["expectations"]}
    assert [judged[metric] for metric in ("lost", "dual_primary_ms", "steady_after")] == ["pass"] * 3, verdict["why"]
    assert missed_times(verdict) == [], verdict["why"]
    assert verdict["user_requests"] > 200, "of an event log, there being no app"
    assert None not in [verdict["phases"][f"{name}_ms"] for name in ("detect", "promote", "route")]
    assert verdict["leader_before"] != verdict["leader_after"]
    folder = Path(verdict["report"])
    events = load_events(folder / "events.jsonl")
    lines = [e for e in events if e["source"] == "logs" and e["kind"] == "line"]
    assert "pgha" in {e["unit"] for e in lines}
    assert any(e["unit"].startswith("/srv/pg-logs/") for e in lines), "PostgreSQL's own log, too"
    assert TOKEN not in (folder / "events.jsonl").read_text() + (folder / "report.html").read_text()
    users = [e for e in events if e["source"] == "users" and e["kind"] == "request"]
    assert {e["name"] for e in users} == {"INSERT", "SELECT"}
    acked = {e["id"] for e in users if e["outcome"] == "acked"}
    there = {i for e in events if (e["source"], e.get("table")) == ("tables", "forecast") for i in e.get("ids", [])}
    assert len(acked) > 100 and acked <= there, "what they were told to be written is counted, too"


def test_the_leader_is_isolated_and_no_second_primary_takes_writes(foreign, command, tmp_path):
    done = drilled(
        command, "-i", foreign, "run", "split_brain_leader_isolated", "--json", "--reports", tmp_path, seconds=600
    )
    # 3: a leader that is slow to rejoin is not proven clean in time, which decides nothing about safety.
    assert done.returncode in (0, 1, 3), done.stderr
    verdict = json.loads(done.stdout)
    judged = {item["metric"]: item["verdict"] for item in verdict["expectations"]}
    safe = ("lost", "dual_primary_ms", "diverged", "steady_after")
    assert {metric: judged[metric] for metric in safe} == dict.fromkeys(safe, "pass"), verdict["why"]
    assert (verdict["leader_changes"], verdict["unwatched"]) == (1, [])


# -- a member that the inventory leaves out ----------------------------------------------------------------


@dataclass(frozen=True)
class Promote:
    """Somebody promotes a replica behind Patroni's back."""

    host: Host

    def carry_out(self, run) -> None:
        with ssh.connect(self.host) as connection:
            ssh.sh(connection, "systemctl kill --signal=STOP --kill-whom=main pgha")
            ssh.sh(connection, "runuser -u postgres -- /usr/lib/postgresql/17/bin/pg_ctl -D /srv/pg/main -w promote")


@pytest.fixture
def without_it(foreign, ways):
    """The same cluster by an inventory that leaves one member out, which is a replica; it follows again afterwards."""
    file = foreign.with_name("without.py")
    file.write_text(foreign.read_text().replace(', _host("epsilon", 5)]', "]"))
    if rest.view(ways).leader.name == LEFT_OUT:
        operations.switchover(ways, 30)
    yield access(read(file))
    with ssh.connect(ways.inventory[LEFT_OUT]) as connection:
        ssh.sh(connection, "systemctl kill --signal=CONT --kill-whom=main pgha")
    deadline = time.monotonic() + 120
    while steady.missing(ways, rest.view(ways)):
        assert time.monotonic() < deadline, rest.view(ways)
        time.sleep(0.5)


def test_a_member_that_nobody_watches_is_promoted_by_hand(without_it, ways, tmp_path):
    """It is a second primary, and nobody sees it: the verdict says so instead of `never two primaries`."""
    killed = EXPERIMENTS["patroni_killed"]
    steps = (Promote(ways.inventory[LEFT_OUT]), *killed.steps)
    verdict, events = run(without_it, replace(killed, steps=steps, expectations=SAFE), tmp_path)
    assert (verdict["verdict"], verdict["unwatched"]) == ("unknown", ["PG-EPSILON.prod"])
    assert verdict["why"][0].startswith("PG-EPSILON.prod is a member of the cluster and was not watched")
    assert (verdict["dual_primary_ms"], verdict["lost"], verdict["diverged"]) == (None, None, None)
    assert next(e for e in events if e["kind"] == "run")["unwatched"] == ["PG-EPSILON.prod"]
    with psycopg.connect(**ways.sql_node(ways.inventory[LEFT_OUT])) as connection:
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,), "it was a primary all the time"


# -- the cluster's own mode ----------------------------------------------------------------------------------


def test_a_paused_cluster_is_not_drilled(foreign, ways, command, tmp_path):
    rest.change_configuration(ways, {"pause": True})
    try:
        done = command("experiments", "-i", foreign, "run", "leader_power_cut", "--reports", tmp_path)
        assert (done.returncode, "the cluster is paused (maintenance mode)" in done.stderr) == (2, True), done.stderr
        done = command("faults", "-i", foreign, "inject", "kill", "leader", "--process", "postgres")
        assert (done.returncode, "the cluster is paused (maintenance mode)" in done.stderr) == (2, True), done.stderr
        done = command("experiments", "-i", foreign, "doctor", "--json")
        found = {row["what"]: row for row in json.loads(done.stdout)["checks"]}
        assert (found["mode"]["ok"], found["mode"]["found"]) == (False, "the cluster is paused (maintenance mode)")
    finally:
        configure(ways, pause=None)


def test_the_log_of_its_etcd_is_read_under_its_own_name(ways):
    """A member that is started anew says so; in a drill it hangs on who leads etcd whether any has a word to say."""
    name = next(name for name in NAMES[:3] if name != coordinator.leader(ways))
    with ssh.connect(ways.inventory[name]) as connection:
        begins = TurningPoint(time.time_ns(), "etcd is started anew")
        ssh.sh(connection, "systemctl restart dcs")
        done = TurningPoint(time.time_ns(), "etcd has started")
        while time.time_ns() < done.t + logs.AFTER:
            time.sleep(0.1)
        _, *found = logs.of_host(ways.inventory[name], ways, [begins, done])
    assert "dcs" in {row["unit"] for row in found if row["kind"] == "line"}

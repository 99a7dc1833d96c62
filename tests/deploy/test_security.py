"""A host that is no member gets nowhere, no secret is shown anywhere, and one deploy gives all services new ones."""

import contextlib
import http.client
import json
import signal
import ssl
import subprocess
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import httpx
import psycopg
import pytest

from firedrill.cluster import etcd as client_of_etcd
from firedrill.cluster import ssh
from firedrill.cluster.patroni import rest
from firedrill.deploy.database import verifiers
from firedrill.experiments.run import steady_state
from firedrill.inventories import certificates, secrets
from firedrill.inventories.access import Access, access
from firedrill.inventories.read import read
from tests.deploy import leaks
from tests.labs import ROOT, WITH_US, run_folder

pytestmark = pytest.mark.lab("bare")

STRANGER = Path(__file__).with_name("stranger.py")
SECONDS = 300
ROW = f"row-{uuid.uuid4().hex}"
SEEN = "seen-in-plain-text"
# A short drill with load: the leader changes, so that connections of all kinds are made anew.
DRILL = """
from dataclasses import replace
from firedrill.experiments.drills.switchover import EXPERIMENT as USUAL
from firedrill.experiments.model import Expect
from firedrill.experiments.steps import Switchover, UntilSteady, Wait

EXPERIMENT = replace(
    USUAL, name="short",
    steps=(Wait(2), Switchover(), Wait(2), UntilSteady(within_s=120)),
    expectations=(Expect("no acknowledged write is lost", "lost", "==", 0),),
)
"""


def on(ways: Access, name: str, text: str, stdin: str = "", seconds: float = 120) -> str:
    with ssh.connect(ways.inventory[name]) as connection:
        return ssh.sh(connection, text, stdin=stdin, seconds=seconds)


def deployed(inventory: Path, *more: str) -> subprocess.Popen:
    return subprocess.Popen(
        [*WITH_US, "pyinfra", "-y", *more, str(inventory), "deploy/cluster.py"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def ways(inventory) -> Access:
    """The cluster; another module of this lab may have made it."""
    there = access(read(inventory))
    if on(there, "db1", "test -e /etc/patroni/config.yml && echo made || true") != "made":
        shown = deployed(inventory)
        text, _ = shown.communicate(timeout=600)
        assert shown.returncode == 0, text
    state, _ = steady_state.wait(there, SECONDS, print)
    assert state.ok, state.detail
    return there


# -- a host that is no member ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def came_of(ways) -> dict[str, dict[str, str]]:
    """What came of each attack from the stranger, by attack and target."""
    roles = ("etcd", "postgres", "proxy")
    target = {role: {host.name: host.address for host in ways.inventory.role(role)} for role in roles}
    arguments = json.dumps({"ports": ways.ports, "prefix": ways.patroni_prefix} | target)
    return json.loads(on(ways, "stranger", f"python3 - '{arguments}'", STRANGER.read_text(), SECONDS))


@pytest.mark.parametrize("what", ["etcd", "patroni", "postgres", "haproxy"])
def test_a_stranger_is_refused(came_of, what):
    attacks = {name: found for name, found in came_of.items() if name.startswith(what)}
    assert attacks and all(attacks.values())
    came = [f"{name} of {target}: {came}" for name, found in attacks.items() for target, came in found.items()]
    assert [one for one in came if ": refused: " not in one] == []


def test_only_the_users_of_the_proxies_get_as_far_as_a_password(came_of):
    """From anywhere else PostgreSQL knows none of its users, with or without TLS."""
    for attack in ("postgres login", "postgres replication"):
        assert {came.split()[1] for came in came_of[attack].values()} == {"28000"}
    through = came_of["postgres through a proxy"]
    asked = {target.split()[2] for target, came in through.items() if came.split()[1] == "28P01"}
    assert asked == {"weather", "firedrill"}
    assert not any(" plain " in target for target, came in through.items() if came.split()[1] != "28000")


@pytest.mark.parametrize("service", ["etcd", "patroni"])
def test_the_certificate_of_a_proxy_is_no_clients(ways, service):
    """Stolen with the host: it opens neither etcd nor Patroni."""
    known = certificates.known(ways.inventory.hosts, ways.data)
    pair = known.of("proxy", "lb1")
    context = ssl.create_default_context(cafile=str(known.ca))
    context.load_cert_chain(pair.cert, pair.key)
    host = ways.inventory["db1" if service == "patroni" else "etcd1"]
    link = http.client.HTTPSConnection(host.address, ways.ports[service], timeout=10, context=context)
    with pytest.raises((OSError, http.client.HTTPException)), contextlib.closing(link):
        link.request("GET", "/health")
        link.getresponse()


# -- rotation ----------------------------------------------------------------------------------------


@dataclass
class Writes:
    """Writes of a user of the app, one after the other, until stopped."""

    ways: Access
    acked: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        app = self.ways.http[0]
        with httpx.Client(timeout=15, **app.httpx) as client:
            while not self.over.wait(0.2):
                row = {"id": str(uuid.uuid4()), "city": "Berlin", "day": "2030-01-31", "temperature_c": 1}
                try:
                    if client.post(f"{app.url}/forecasts", json=row | {"summary": ROW}).status_code == 201:
                        self.acked.add(row["id"])
                except httpx.HTTPError:
                    continue


@pytest.fixture(scope="module")
def rotated(ways, inventory, tmp_path_factory) -> Iterator[SimpleNamespace]:
    """New secrets, a deploy killed in the middle, another one, and a drill; all of it watched."""
    found = SimpleNamespace(before=ways, old=dict(ways.passwords), view=rest.view(ways))
    found.reports = tmp_path_factory.mktemp("reports")
    assert secrets.rotate(ways.data) == list(found.old)
    writes = Writes(ways)
    writer = threading.Thread(target=writes.run)
    with leaks.CommandLines() as found.lines, leaks.Wire(ways.data["lab"]["bridge"]) as found.wire:
        writer.start()
        killed = deployed(inventory)
        for line in killed.stdout:
            if "Write the Patroni configuration" in line and "Starting operation" in line:
                break
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        assert killed.returncode == -signal.SIGKILL, "it was killed in the middle"
        again = deployed(inventory, "-vvv", "--debug")
        found.shown, _ = again.communicate(timeout=600)
        assert again.returncode == 0, found.shown[-3000:]
        found.ways = access(read(inventory))
        found.new = dict(found.ways.passwords)
        state, _ = steady_state.wait(found.ways, SECONDS, print)
        assert state.ok, state.detail
        found.after = rest.view(found.ways)
        on(found.ways, "stranger", _sender(found.ways))
        found.drill = _drill(inventory, found.reports)
        writes.over.set()
        writer.join()
    found.acked = writes.acked
    yield found


def _sender(ways: Access) -> str:
    """What the wire must have shown: from one host to another."""
    address = ways.inventory["etcd1"].address
    return f'python3 -c \'import socket; socket.socket(2, 2).sendto(b"{SEEN}", ("{address}", 9))\''


def _drill(inventory: Path, reports: Path) -> subprocess.CompletedProcess[str]:
    file = reports / "short.py"
    file.write_text(DRILL)
    command = [*WITH_US, "experiments", "-i", str(inventory), "run", str(file), "--reports", str(reports)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)


def test_one_deploy_carries_new_secrets_without_a_failover(rotated):
    assert [name for name in rotated.old if rotated.new[name] == rotated.old[name]] == []
    assert secrets.waiting(rotated.ways.data) == []
    leader = [(one.name, one.epoch) for one in rotated.view.members if one.role == "primary"]
    assert [(one.name, one.epoch) for one in rotated.after.members if one.role == "primary"] == leader


def test_no_acknowledged_write_is_lost_in_it(rotated):
    with psycopg.connect(**rotated.ways.sql_front()) as connection:
        there = {str(row[0]) for row in connection.execute("SELECT id FROM forecast")}
    assert len(rotated.acked) > 5
    assert rotated.acked - there == set()


def test_the_services_have_the_new_passwords(rotated):
    leader = next(one.name for one in rest.view(rotated.ways).members if one.role == "primary")
    query = "select rolname || ' ' || rolpassword from pg_authid where rolpassword is not null"
    rows = on(rotated.ways, leader, f'cd /; runuser -u postgres -- psql -XAtc "{query}"').splitlines()
    wanted = verifiers(rotated.new, rotated.ways.data["cluster"])
    assert set(rows) == {f"{user} {found}" for user, found in wanted.items()}
    rest.change_configuration(rotated.ways, {"ttl": rotated.ways.profile["ttl"]})


def test_the_old_passwords_are_refused(rotated):
    before = rotated.before
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**before.sql_front()).close()
    for ways, code in ((before, 401), (rotated.ways, 200)):
        stats = ways.haproxy_stats(ways.inventory["lb1"])
        assert httpx.get(stats.url, **stats.httpx).status_code == code
        patroni = ways.patroni_operator(ways.inventory["db1"])
        answer = httpx.patch(f"{patroni.url}/config", json={"ttl": ways.profile["ttl"]}, **patroni.httpx)
        assert (answer.status_code == 401) == (code == 401), answer.text
    with pytest.raises(client_of_etcd.ERRORS), client_of_etcd.client(before.etcd[0]) as client:
        client.get("/x")
    with client_of_etcd.client(rotated.ways.etcd[0]) as client:
        assert client.get(f"{rotated.ways.patroni_prefix}leader")[0]


def test_the_users_of_etcd_may_do_no_more_than_they_must(rotated):
    """Probes only read the cluster's keys; Patroni reads and writes those alone; nobody has an older password."""
    ways = rotated.ways
    spec = json.loads(on(ways, "etcd1", "cat /etc/firedrill/etcd-users.json"))["users"]
    prefix = ways.patroni_prefix
    for name, user in spec.items():
        if user["role"] == "root":
            continue
        with client_of_etcd.client(replace(ways.etcd[0], auth=(name, user["password"]))) as client:
            assert client.get(f"{prefix}leader")[0]
            access = {grant["access"] for grant in user["grants"]}
            for key in ("/elsewhere", *([f"{prefix}config"] if access == {"READ"} else [])):
                with pytest.raises(client_of_etcd.ERRORS):
                    client.put(key, "x")
            with pytest.raises(client_of_etcd.ERRORS):
                client.get("/elsewhere")
    assert on(ways, "etcd1", "firedrill-etcd-users --superseded") == ""


def test_after_it_a_deploy_changes_nothing(rotated, command, inventory):
    done = command("pyinfra", "-y", "--json", inventory, "deploy/cluster.py", seconds=600)
    totals = json.loads(done.stdout)["results"]["totals"]
    assert (totals["success"], totals["error"]) == (0, 0)


# -- nothing is shown --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def all_secrets(rotated) -> dict[str, str]:
    return rotated.new | {f"old {name}": secret for name, secret in rotated.old.items()}


def test_no_secret_lies_open_on_a_host(rotated, all_secrets):
    for host in rotated.ways.inventory.hosts:
        shown, looked = leaks.on_host(host, all_secrets | {"known": "# BEGIN Firedrill"})
        assert "/etc/hosts: known" in shown and looked > 100_000, host.name
        assert [one for one in shown if not one.endswith(": known")] == [], host.name


def test_no_secret_is_on_a_command_line(rotated, all_secrets):
    seen = b"\n".join(rotated.lines.seen)
    assert b"firedrill-check" in seen and b"psql" in seen and b"postgres: " in seen
    assert leaks.found_in(seen, all_secrets) == []


def test_no_secret_is_in_the_output_of_a_deploy_or_a_drill(rotated, all_secrets):
    assert "base64 -d | tar" in rotated.shown, "commands are shown"
    assert rotated.drill.returncode in (0, 1), rotated.drill.stderr
    shown = rotated.shown + rotated.drill.stdout + rotated.drill.stderr
    assert leaks.found_in(shown.encode(), all_secrets) == []


def test_no_secret_is_in_what_a_drill_leaves(rotated, all_secrets):
    assert any(rotated.reports.rglob("events.jsonl"))
    own = Path(rotated.ways.data["secrets_file"]).expanduser()
    shown = leaks.in_files([rotated.reports, run_folder()], all_secrets)
    assert {file: names for file, names in shown.items() if file != str(own)} == {}
    assert not (ROOT / "pyinfra-debug.log").exists() or leaks.in_files([ROOT / "pyinfra-debug.log"], all_secrets) == {}


def test_neither_a_password_nor_a_row_passes_the_wire(rotated, all_secrets):
    assert SEEN.encode() in rotated.wire.content, "the bridge is watched"
    assert len(rotated.wire.content) > 1_000_000
    assert leaks.found_in(bytes(rotated.wire.content), all_secrets | {"row": ROW}) == []

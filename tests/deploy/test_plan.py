"""The plan on the hosts of inventories/fake.py: nothing is connected to, nothing is run."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from firedrill.inventories import authority, secrets

# Prints the parts of a deploy that do not begin with the gate.
PARTS = """
import inspect
from firedrill.deploy import cluster, systems, vrrp, watchdog
parts = {one for one in vars(cluster).values() if inspect.isfunction(one)} - {cluster.deploy, cluster.milestone}
parts |= {vrrp.filtered, watchdog.watchdog}
for row in systems.SYSTEMS.values():
    steps = ("coordinator", "passwords", "databases", "leader", "schema", "replicas", "retire")
    parts |= {getattr(row, name) for name in steps} - {systems.nothing}
for part in parts:
    if "\\n    gate.through()\\n" not in inspect.getsource(part).split("    if ")[0]:
        print(part.__module__, part.__name__)
"""
ROOT = Path(__file__).resolve().parents[2]
ENTRY = "deploy/cluster.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("plan")


@pytest.fixture(scope="module")
def secrets_file(folder):
    """That of an earlier deploy."""
    secrets.load({"secrets_file": str(folder / "secrets.json"), "cluster": "firedrill", "secrets": {}})
    return folder / "secrets.json"


@pytest.fixture(scope="module")
def answer(pyinfra, secrets_file):
    done = pyinfra("--dry", "--json", "--data", f"secrets_file={secrets_file}", "inventories/fake.py", ENTRY)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def plan(answer):
    return json.loads(answer.stdout)["plan"]


def steps(plan, host):
    """The names of a host's operations that would change it, in order."""
    return [step["name"] for step in plan if f"@fake/{host}" in step["hosts_with_change"]]


BASE = [
    "Name all hosts in /etc/hosts",
    "Write the files that must exist before the packages",
    "Install the packages of all roles",
]
WANTED = {
    "etcd1": [
        "Write the certificate of etcd",
        "Write the etcd configuration",
        "Start etcd",
        "Wait for the quorum of etcd",
        "Write the users of etcd",
        "Let only the users of etcd do anything",
    ],
    "db1": [
        "Write the Patroni configuration",
        "Start Patroni",
        "Wait for the leader",
        "Create the database on the leader",
        "Wait until every replica streams",
        "Wait for a sync standby",
    ],
    "lb1": [
        "Write the HAProxy configuration",
        "Start HAProxy",
        "Write the filter of VRRP advertisements",
        "Load the filter of VRRP advertisements",
        "Write the keepalived configuration",
        "Start keepalived",
        "Wait until PostgreSQL answers at HAProxy's write port",
        "Wait until PostgreSQL answers at HAProxy's read port",
        "Wait until the floating address answers",
    ],
    "app1": [
        "Write the weather app and its configuration",
        "Start the weather app",
        "Write the nginx configuration",
        "Start nginx",
        "Wait until the weather app reads and writes",
    ],
}


@pytest.mark.parametrize("host", WANTED)
def test_a_host_gets_the_steps_of_its_role_in_order(plan, host):
    assert steps(plan, host) == BASE + WANTED[host]


def test_what_others_need_comes_first(plan):
    order = [step["name"] for step in plan]
    for earlier, later in [
        ("Wait for the quorum of etcd", "Start Patroni"),
        ("Start nginx", "Wait for the leader"),
        ("Wait for the leader", "Create the database on the leader"),
        ("Create the database on the leader", "Wait until the weather app reads and writes"),
    ]:
        assert order.index(earlier) < order.index(later)


def test_a_cluster_begins_with_its_settings(plan):
    (step,) = [step for step in plan if step["name"] == "Apply the cluster-wide settings"]
    assert step["hosts_with_change"] == []


def test_a_plan_shows_the_write_outage_to_expect_and_its_terms(answer):
    (line,) = [line for line in answer.stderr.splitlines() if "predicted write outage" in line]
    assert line == (
        "deploy: predicted write outage, a power cut of the leader: 20.1 to 23.4 s = lease 18 to 20"
        " + lease expiry 0 to 0.5 + probe of the old leader 2 + promotion 0.1 to 0.4 + rerouting clients 0 to 0.5"
    )


def test_names_are_sentences(plan):
    for step in plan:
        assert " " in step["name"] and "|" not in step["name"] and not step["args"], step


def known_of(secrets_file) -> secrets.Secrets:
    return secrets.known({"secrets_file": str(secrets_file), "cluster": "firedrill", "secrets": {}})


def test_no_password_is_shown(answer, plan, secrets_file):
    shown = answer.stdout + answer.stderr
    known = known_of(secrets_file)
    assert plan and known
    for name, password in known.items():
        assert password not in shown, name


def test_no_password_is_shown_with_all_commands(pyinfra, secrets_file):
    data = ("--data", f"secrets_file={secrets_file}")
    done = pyinfra("-y", "-vvv", "--debug", *data, "--fail-percent", "100", "inventories/fake.py", ENTRY)
    shown = done.stdout + done.stderr
    assert "base64 -d | tar" in shown
    for name, password in known_of(secrets_file).items():
        assert password not in shown, name


def test_a_plan_writes_nothing_on_this_machine(pyinfra, tmp_path):
    """Neither passwords nor a CA; what it makes for itself goes with it."""
    (tmp_path / "tmp").mkdir()
    data = ("--data", f"secrets_file={tmp_path / 'state/secrets.json'}")
    done = pyinfra("--dry", *data, "inventories/fake.py", ENTRY, TMPDIR=str(tmp_path / "tmp"))
    assert done.returncode == 0, done.stderr
    assert [str(path) for path in tmp_path.rglob("*")] == [str(tmp_path / "tmp")]


def test_one_part_alone(pyinfra, secrets_file):
    data = ("--data", f"secrets_file={secrets_file}")
    done = pyinfra("--dry", "--json", *data, "inventories/fake.py", "deploy.etcd.etcd")
    plan = json.loads(done.stdout)["plan"]
    assert steps(plan, "etcd1") == WANTED["etcd1"]
    assert not steps(plan, "db1")


@pytest.mark.parametrize("part", ["deploy.etcd.etcd", "deploy.weather.weather", "deploy.vrrp.filtered"])
def test_one_part_alone_goes_through_preflight_too(pyinfra, secrets_file, part):
    data = ("--data", f"secrets_file={secrets_file}", "--data", "etcd_election_ms=9000")
    done = pyinfra("--dry", *data, "inventories/fake.py", part)
    assert done.returncode == 2 and "deploy: ✗ settings  an election of etcd takes up to 18000 ms" in done.stderr


def test_every_part_goes_through_the_gate():
    """In a process of its own: pyinfra patches the one that imports it."""
    done = subprocess.run([sys.executable, "-c", PARTS], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == []


def test_what_is_done_once_is_done_on_the_first_host_that_takes_part(pyinfra, secrets_file):
    """With --limit it may not be the first of the inventory: etcd would never ask for a password."""
    data = ("--data", f"secrets_file={secrets_file}")
    done = pyinfra(
        "--dry", "--json", "--limit", "@fake/etcd2", "--limit", "@fake/etcd3", *data, "inventories/fake.py", ENTRY
    )
    assert steps(json.loads(done.stdout)["plan"], "etcd2")[-2:] == WANTED["etcd1"][-2:]
    done = pyinfra("--dry", "--json", "--limit", "@fake/db2", *data, "inventories/fake.py", ENTRY)
    assert "Create the database on the leader" in steps(json.loads(done.stdout)["plan"], "db2")


def test_a_deploy_to_some_hosts_locks_nobody_out(pyinfra, secrets_file, answer):
    """Patroni on the other hosts may log in to etcd with the older password: its user stays."""
    data = ("--data", f"secrets_file={secrets_file}")
    done = pyinfra("--dry", "--json", "--limit", "@fake/etcd1", *data, "inventories/fake.py", ENTRY)
    names = [step["name"] for step in json.loads(done.stdout)["plan"]]
    assert "Let only the users of etcd do anything" in names
    assert "Remove the superseded users of etcd" in [step["name"] for step in json.loads(answer.stdout)["plan"]]
    assert "Remove the superseded users of etcd" not in names


@pytest.mark.parametrize("tls", [True, False])
def test_new_passwords_reach_all_hosts_in_one_deploy(pyinfra, tmp_path, tls):
    file = tmp_path / "secrets.json"
    known = {"secrets_file": str(file), "cluster": "firedrill", "secrets": {}}
    secrets.load(known)
    secrets.rotate(known, ["weather"])
    data = ("--data", f"secrets_file={file}", "--data", f"tls={tls}")
    done = pyinfra("--dry", "--limit", "@fake/app1", *data, "inventories/fake.py", ENTRY)
    assert done.returncode == 2, done.stderr
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("deploy: ✗")]
    assert "new passwords wait for a deploy (weather)" in said and "deploy without --limit and --exclude first" in said
    plan = pyinfra("--dry", "--json", *data, "inventories/fake.py", ENTRY)
    assert plan.returncode == 0 and "Take the rotated secrets into use" in steps(
        json.loads(plan.stdout)["plan"], "etcd1"
    )


# Bad inventories: what is appended to the good one, and what the one line must say.
BAD = {
    "shared address": (
        'postgres[1] = ("@fake/db2", {**postgres[1][1], "ssh_hostname": "192.0.2.21"})',
        r"db1, db2 .* share the address 192\.0\.2\.21: give each host its own",
    ),
    "no role": ('stray = None\nall[0].append(_host("stray", 77))', r"stray in .* has no role: add it to one of etcd"),
    "unknown role": ('postgrse = [_host("db4", 24)]\nall[0].extend(postgrse)', r"db4 in .* unknown role 'postgrse': "),
    "even etcd": ("etcd.pop()", r"2 etcd members \(etcd1, etcd2\): use an odd number"),
    "name for an address": (
        'app[1] = ("@fake/app2", {**app[1][1], "ssh_hostname": "app2.example"})',
        r"app2 has the address 'app2\.example': set ssh_hostname to the IPv4 address",
    ),
    "IPv6": (
        'app[1] = ("@fake/app2", {**app[1][1], "ssh_hostname": "2001:db8::2"})',
        r"app2 has the address '2001:db8::2': set ssh_hostname to the IPv4 address",
    ),
    "no etcd": ("etcd.clear()", r"postgres hosts but no etcd host: add one to etcd"),
    "ttl too low": (
        "for _, data in all[0]: data['profiles'] = {'fast': _timings(ttl=10)}",
        r"profile fast has ttl 10, Patroni's minimum is 20: raise it to 20",
    ),
    "timings that do not fit": (
        "for _, data in all[0]: data['profiles'] = {'fast': _timings(retry_timeout=10)}",
        r"loop_wait \+ 2 \* retry_timeout = 22, more than its ttl 20: raise ttl",
    ),
    "unknown profile": (
        "for _, data in all[0]: data['profile'] = 'quick'",
        r"unknown profile 'quick': the profiles are fast",
    ),
}
TIMINGS = """
def _timings(**changed):
    waits = {"ttl": 20, "loop_wait": 2, "retry_timeout": 8, "primary_start_timeout": 0, "wal_sender_timeout": 5}
    checks = {"inter": 1, "fastinter": 0.5, "downinter": 0.5, "rise": 1, "fall": 2, "wal_receiver_timeout": 5}
    modes = {"synchronous_mode": "quorum", "failsafe_mode": True, "maximum_lag_on_failover": 1048576}
    return {**waits, **checks, **modes, **changed}
"""


@pytest.mark.parametrize("case", BAD)
def test_a_bad_inventory_is_refused_in_one_line(pyinfra, case, tmp_path):
    change, wanted = BAD[case]
    good = (ROOT / "inventories" / "fake.py").read_text()
    # The hosts are collected after the change, so that it is seen in every group.
    groups, everything = good.split("all = (", 1)
    collected = f"all = ({everything}"
    text = groups + TIMINGS + (f"{collected}\n{change}\n" if "all[0]" in change else f"{change}\n{collected}\n")
    (tmp_path / "bad.py").write_text(text)
    (tmp_path / "group_data").symlink_to(ROOT / "inventories" / "group_data")
    done = pyinfra("--dry", "--data", f"secrets_file={tmp_path / 'secrets.json'}", tmp_path / "bad.py", ENTRY)
    said = [line for line in done.stderr.splitlines() if line.startswith("deploy: ")]
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert len(said) == 1 and re.search(wanted, said[0]), done.stderr
    assert not (tmp_path / "secrets.json").exists()


def test_a_secret_without_its_source_ends_the_deploy_before_any_change(pyinfra, secrets_file):
    source = 'secrets={"superuser": {"password_command": ["/no/such/pass", "show", "x"]}}'
    done = pyinfra("--dry", "--data", f"secrets_file={secrets_file}", "--data", source, "inventories/fake.py", ENTRY)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert "no password for the secret superuser (/no/such/pass cannot be run" in last, done.stderr


def test_a_certificate_of_the_user_that_cannot_serve_ends_the_deploy_before_any_change(pyinfra, tmp_path):
    files = {name: f"{tmp_path}/{{host}}-{{role}}.{name}" for name in ("cert", "key")} | {"ca": f"{tmp_path}/ca.crt"}
    (tmp_path / "ca.crt").write_bytes(authority.new_ca("mine").cert)
    data = [f"secrets_file={tmp_path / 'secrets.json'}", "tls=True", f"certificates={json.dumps(files)}"]
    options = [word for one in data for word in ("--data", one)]
    done = pyinfra("--dry", *options, "inventories/fake.py", ENTRY)
    said = [line for line in done.stderr.splitlines() if line.startswith("deploy: ")]
    assert done.returncode == 2 and len(said) == 1, done.stderr
    assert "controller-client.key: No such file or directory: the key `certificates` of the inventory" in said[0]

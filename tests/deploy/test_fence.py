"""What a deploy does for fenced failover: nothing by default, agents with the least rights, or a refusal."""

import copy
import json
from pathlib import Path

import pytest

from firedrill.deploy import etcd, fence
from firedrill.deploy.on_host import etcd_users
from firedrill.deploy.preflight import fence as checks
from firedrill.deploy.preflight.seen import Seen
from firedrill.fence import config
from firedrill.inventories import certificates, fencing, profiles, secrets
from firedrill.inventories.read import Host, defaults

ROLES = {
    **{f"etcd{number}": ("etcd",) for number in (1, 2, 3)},
    **{f"db{number}": ("postgres",) for number in (1, 2, 3)},
    "lb1": ("etcd", "proxy", "app"),
    "app1": ("app",),
}
POWER = {"status": ["fence-power", "status", "{name}"], "off": ["fence-power", "off", "{name}"]}


def hosts(roles=ROLES, **data):
    known = defaults() | data
    return tuple(
        Host(name, f"192.0.2.{number}", found, copy.deepcopy(known))
        for number, (name, found) in enumerate(roles.items(), start=11)
    )


def steps(done):
    assert done.returncode == 0, done.stderr
    return [step["name"] for step in json.loads(done.stdout)["plan"] if step["hosts_with_change"]]


def planned(pyinfra, tmp_path, *data):
    options = [word for one in (f"secrets_file={tmp_path}/secrets.json", *data) for word in ("--data", one)]
    return pyinfra("--dry", "--json", *options, "inventories/fake.py", "deploy/cluster.py")


def test_by_default_a_deploy_has_no_agents(pyinfra, tmp_path):
    assert not [name for name in steps(planned(pyinfra, tmp_path)) if "fence agent" in name]


def test_agents_come_last_on_etcd_databases_and_proxies(pyinfra, tmp_path):
    done = planned(pyinfra, tmp_path, "fence=quorum")
    names = steps(done)
    assert names.index("Start the fence agent") > names.index("Wait until the weather app reads and writes")
    plan = json.loads(done.stdout)["plan"]
    (start,) = [step for step in plan if step["name"] == "Start the fence agent"]
    parts = {name.removeprefix("@fake/")[:2] for name in start["hosts_with_change"]}
    assert parts == {"et", "db", "lb"}


@pytest.fixture
def on(monkeypatch):
    """The deploy as seen by one host of an inventory."""

    def at(name, **data):
        everyone = hosts(**data)
        me = next(one for one in everyone if one.name == name)
        monkeypatch.setattr("firedrill.deploy.topology.hosts", lambda: everyone)
        monkeypatch.setattr("firedrill.deploy.topology.me", lambda: me)
        known = secrets.Secrets({name: f"password of {name}" for name in secrets.NAMES})
        monkeypatch.setattr("firedrill.deploy.topology.passwords", lambda: known)
        return me

    return at


@pytest.mark.parametrize(
    ("name", "roles", "user"),
    [
        ("etcd2", ("judge",), "fence"),
        ("db1", ("witness",), "fence-witness"),
        ("lb1", ("judge", "proxy"), "fence"),
    ],
)
def test_an_agent_reads_what_the_deploy_writes(on, tmp_path, name, roles, user):
    on(name, fence="power", fence_power=POWER, fence_misses=3)
    file = tmp_path / "fence.json"
    file.write_text(json.dumps(fence._config()))
    found = config.load(file, tmp_path / "none")
    assert (found.host, found.roles, found.user, found.misses) == (name, roles, user, 3)
    assert found.judges == ("etcd1", "etcd2", "etcd3", "lb1")
    assert found.addresses == {"db1": "192.0.2.14", "db2": "192.0.2.15", "db3": "192.0.2.16"}
    assert found.ports == (5432, 8008, 22, 9)
    assert found.power == ({key: tuple(value) for key, value in POWER.items()} if "judge" in roles else {})
    assert found.password.startswith("password of etcd_fence_") and found.password not in repr(found)


def test_a_member_of_etcd_is_asked_first_by_its_own_judge(on):
    on("etcd2", fence="quorum")
    assert fence._config()["etcd"][0] == "https://192.0.2.12:2379"


def test_every_agent_has_a_certificate_that_is_a_clients_alone():
    made = {name: wanted for name, role, wanted in certificates.wanted(hosts(fence="quorum")) if role == "fence"}
    assert made.keys() == ROLES.keys() - {"app1"}
    assert all(not one.names and one.uses == {certificates.CLIENT} for one in made.values())
    assert not [role for _, role, _ in certificates.wanted(hosts()) if role == "fence"]


def permissions(user):
    return {
        (one["permType"], etcd_users.base64.b64decode(one["key"]).decode(), bool(one["range_end"]))
        for one in etcd_users.wanted_permissions(user)
    }


def test_users_of_etcd_may_do_what_their_part_needs_and_no_more(on):
    on("etcd1", fence="quorum")
    users = etcd.users()
    patroni, ours = "/service/firedrill/", "/fence/firedrill/"
    assert permissions(users["fence"]) == {
        ("READ", patroni, True),
        ("WRITE", patroni + "leader", False),
        ("WRITE", patroni + "sync", False),
        ("READWRITE", ours, True),
    }
    assert permissions(users["fence-witness"]) == {
        ("READ", patroni, True),
        ("READ", ours, True),
        ("WRITE", ours + "seen/", True),
        ("WRITE", ours + "acks/", True),
    }
    assert permissions(users["fence-proxy"]) == {
        ("READ", ours, True),
        ("WRITE", ours + "proxies/", True),
        ("WRITE", ours + "proxy-acks/", True),
    }
    assert permissions(users["firedrill"]) == {("READ", patroni, True), ("READ", ours, True)}
    assert etcd.retired() == []


def test_without_fence_its_users_are_retired(on):
    on("etcd1")
    assert not [name for name in etcd.users() if name.startswith("fence")]
    assert etcd.retired() == ["fence", "fence-witness", "fence-proxy"]
    assert permissions(etcd.users()["firedrill"]) == {("READ", "/service/firedrill/", True)}


REFUSED = {
    "durability": (hosts(fence="quorum", durability="off"), "asynchronous"),
    "judges": (hosts({"etcd1": ("etcd",), "db1": ("postgres",), "db2": ("postgres",)}, fence="quorum"), "1 etcd hosts"),
    "one database": (
        hosts({name: roles for name, roles in ROLES.items() if name not in ("db2", "db3")}, fence="quorum"),
        "no standby",
    ),
    "MySQL": (hosts({"db1": ("mysqld",), "lb1": ("proxy",)}, fence="quorum"), "only a cluster of Patroni"),
    "no power": (hosts(fence="power"), "no power commands"),
    "unsafe": (hosts(fence="quorum", fence_unsafe_without_refusal=True), "loses acknowledged writes"),
    "unsafe without fence": (hosts(fence_unsafe_without_refusal=True), "`fence` is off"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_fence_cannot_work_with_is_refused(case):
    found, wanted = REFUSED[case]
    (one,) = checks.settings(found)
    assert one.refused and wanted in one.cause


@pytest.mark.parametrize(
    "found",
    [
        hosts(),
        hosts(fence="quorum"),
        hosts(fence="power", fence_power=POWER),
        hosts({name: roles for name, roles in ROLES.items() if name != "db3"}, fence="quorum", profile="pair"),
        hosts(fence="quorum", fence_unsafe_without_refusal=True, chaos_allowed=True),
        hosts({f"h{number}": ("etcd", "postgres") for number in (1, 2, 3)}, fence="quorum"),
    ],
)
def test_what_a_fence_works_with(found):
    assert profiles.settings(found[0].data)["synchronous_mode"] != "off"
    assert list(checks.settings(found)) == []


@pytest.mark.parametrize(("nftables", "refused"), [(False, True), (True, False), (None, False)])
def test_a_kernel_without_nftables_is_refused(nftables, refused):
    (host, *_) = hosts(fence="quorum")
    found = list(checks.nftables([Seen(host, {"refuses": nftables}), Seen(host, {})]))
    assert [one.refused for one in found] == ([True] if refused else [])


def test_the_agent_needs_nothing_but_python():
    """On a host there are these files, an empty package `firedrill`, and the standard library."""
    import sys

    for file in Path("fence").glob("*.py"):
        for line in file.read_text().splitlines():
            if line.startswith(("import ", "from ")):
                module = line.split()[1]
                assert module.startswith("firedrill.fence") or module.split(".")[0] in sys.stdlib_module_names, line


def test_parts_of_hosts():
    found = {host.name: fencing.parts(host) for host in hosts()}
    assert found["etcd1"] == ("judge",) and found["db1"] == ("witness",) and found["lb1"] == ("judge", "proxy")
    assert found["app1"] == ()

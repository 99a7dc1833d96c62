"""What an inventory lacks for an experiment, and clients without the floating address."""

import contextlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from firedrill.cluster.patroni.system import Patroni
from firedrill.experiments.catalogue import EXPERIMENTS
from firedrill.experiments.drills.leader_power_cut import EXPERIMENT
from firedrill.experiments.model import Needs
from firedrill.experiments.run import fit, needs
from firedrill.faults.network.corrupt import Corrupt
from firedrill.faults.protocol import Refused
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.labs import ROOT


@pytest.fixture(scope="module")
def lab() -> Access:
    return Access(read(ROOT / "inventories/lab.py"), Secrets())


@pytest.fixture(scope="module")
def compact() -> Access:
    return Access(read(ROOT / "inventories/compact.py"), Secrets())


def lacking(access, **given):
    return needs.missing(replace(EXPERIMENT, needs=Needs(**given)), access)


def test_the_full_lab_has_the_hosts_for_every_drill_of_its_system(lab):
    for it in (it for it in EXPERIMENTS.values() if not needs.of_system(it, lab)):
        fenced = with_fence(lab, (it.needs.fence or ("off",))[-1])
        assert (
            needs.missing(replace(it, needs=replace(it.needs, kernel=(), data_mount=False, monitors=0)), fenced) == []
        ), it.name


@pytest.fixture(scope="module")
def group() -> Access:
    return Access(read(ROOT / "inventories/mysql.py"), Secrets({"firedrill": "", "group_admin": ""}))


ABOUT_ANOTHER_SYSTEM = {
    "postgres_killed": "it is about the process postgres, which MySQL group replication does not have",
    "patroni_frozen": "it is about the process patroni, which MySQL group replication does not have",
    "etcd_two_down": "etcd_quorum_loss is for patroni",
}


def test_every_drill_is_about_one_system_at_least(lab, group):
    for it in EXPERIMENTS.values():
        assert not (needs.of_system(it, lab) and needs.of_system(it, group)), it.name


@pytest.mark.parametrize(
    ("name", "on_group"),
    [
        ("mysqld_killed", True),
        ("mysqld_frozen", True),
        ("group_majority_lost", True),
        ("consistency_after", True),
        ("long_absence_clone", True),
        ("reference_run", True),
        ("leader_poweroff", True),
        ("host_frozen_then_resumed", True),
        ("split_brain_leader_isolated", True),
        ("split_brain_clients_follow", True),
        ("proxy_killed", True),
        ("app_killed", True),
        ("rolling_reboot", True),
        ("lossy_network", True),
        ("proxy_cut_from_patroni", False),
        ("split_brain_all_ways", False),
        ("last_node_standing", False),
        ("last_node_strict", False),
        ("leader_power_cut_twice", False),
        ("leader_power_cut_async", False),
        ("long_isolation_slot", False),
        ("short_freezes", False),
    ],
)
def test_which_drills_a_group_takes(group, name, on_group):
    assert (needs.of_system(EXPERIMENTS[name], group) == []) is on_group


def test_a_drill_of_a_group_says_so_on_another_cluster(lab):
    assert needs.of_system(EXPERIMENTS["group_majority_lost"], lab) == [
        "it is about a group that has lost its majority"
    ]
    assert needs.of_system(EXPERIMENTS["mysqld_killed"], lab) == [
        "it is about the process mysql, which PostgreSQL with Patroni does not have"
    ]


@pytest.mark.parametrize("name", ABOUT_ANOTHER_SYSTEM)
def test_an_experiment_about_another_system_says_so(group, name):
    assert any(ABOUT_ANOTHER_SYSTEM[name] in why or "etcd" in why for why in needs.missing(EXPERIMENTS[name], group))


def with_fence(access, mode):
    hosts = tuple(replace(host, data=host.data | {"fence": mode}) for host in access.inventory.hosts)
    return replace(access, inventory=replace(access.inventory, hosts=hosts))


@pytest.mark.parametrize(("mode", "runs"), [("off", ()), ("quorum", ("quorum",)), ("power", ("quorum", "power"))])
def test_a_drill_of_the_fence_says_which_mode_it_is_about(lab, mode, runs):
    about = {"quorum": "fence_judge_down", "power": "fence_power_hangs"}
    for kind, name in about.items():
        reasons = needs.not_here(EXPERIMENTS[name], with_fence(lab, mode))
        assert (reasons == []) == (kind in runs), (name, reasons)
        assert all(f"and `fence` is {mode} in the inventory" in reason for reason in reasons)


def test_an_experiment_about_any_cluster_runs_on_a_group(group):
    for name in ("leader_power_cut", "leader_poweroff", "standby_power_cut", "switchover"):
        assert needs.missing(EXPERIMENTS[name], group) == [], name


def test_what_a_smaller_one_lacks_is_said(compact):
    assert lacking(compact, databases=2, coordinators=3) == []
    assert lacking(compact, databases=3) == ["it needs 3 hosts with the role postgres, the inventory has 2"]
    assert "floating address" in lacking(compact, vip=True)[0]
    assert lacking(compact, proxies=2, vip=True, apps=2) != lacking(compact, vip=True)


def test_a_host_without_the_backend_is_named_before_the_run(lab, monkeypatch):
    @contextlib.contextmanager
    def connected(hosts):
        yield {host.name: object() for host in hosts}

    def refuse(fault, target):
        raise Refused(f"{target.host.name}: no {fault.backend}", "")

    drill = replace(fit.by_backend(EXPERIMENTS["corrupt_sync_standby"], "chaosblade"), needs=Needs())
    monkeypatch.setattr(needs, "connected", connected)
    monkeypatch.setattr(needs, "resolve", lambda spec, access: [access.inventory["db2"]])
    monkeypatch.setattr(Corrupt, "refuse", refuse)
    assert needs.missing(drill, lab) == ["db2: no chaosblade"]
    assert needs.missing(replace(drill, backend=None), lab) == []


def test_a_timing_that_only_the_inventory_can_tell_is_named(lab, monkeypatch):
    drill = replace(EXPERIMENTS["proxy_cut_from_patroni"], needs=Needs())
    theirs = {"foreign": True, "timings": {"inter": 3, "fastinter": 1, "downinter": 1}}
    hosts = tuple(replace(host, data=host.data | theirs) for host in lab.inventory.hosts)
    access = replace(lab, inventory=replace(lab.inventory, hosts=hosts))
    monkeypatch.setattr(Patroni, "settings", lambda self, access: access.profile)
    assert needs.missing(drill, access) == ["it needs the timing `fall`: set it in `timings`"]
    assert needs.missing(drill, lab) == []


def test_a_power_command_that_is_missing_is_named(lab):
    hosts = tuple(replace(host, data=host.data | {"power": {"power_on": "x"}}) for host in lab.inventory.hosts)
    access = replace(lab, inventory=replace(lab.inventory, hosts=hosts))
    assert lacking(access, power=("power_on",)) == []
    assert "`pause`" in lacking(access, power=("pause",))[0]


def test_without_the_floating_address_clients_go_to_the_first_proxy(lab):
    assert lab.front == "10.77.0.100"
    assert needs.without_vip(lab).front == "10.77.0.31"
    assert lab.front == "10.77.0.100"


def test_data_on_the_file_system_of_everything_is_named(lab, monkeypatch):
    def shared(target, folder):
        raise Refused(f"{target.host.name}: {folder} is on /, which SSH and the undo need for /etc", "")

    monkeypatch.setattr(needs.ssh, "answers", lambda host: True)
    monkeypatch.setattr(needs.ssh, "connect", lambda host: contextlib.nullcontext("connected"))
    monkeypatch.setattr(needs.storage, "of_its_own", shared)
    monkeypatch.setattr(needs.capability, "missing", lambda *_: [])
    found = lacking(lab, data_mount=True)
    assert [one.split(":")[0] for one in found] == ["db1", "db2", "db3"]
    assert "/var/lib/postgresql is on /" in found[0]
    monkeypatch.setattr(needs.capability, "missing", lambda *_: ["it is a container"])
    assert lacking(lab, data_mount=True, kernel=("own_kernel",))[0] == "db1: it is a container"


@pytest.mark.parametrize(("wanted", "named"), [(1, "monitoring"), (2, "2 monitors")])
def test_a_monitoring_that_is_missing_is_named(lab, wanted, named):
    assert lacking(lab, monitors=wanted) == [f"it needs {named}, the inventory has none: docs/monitoring.md"]


def test_hosts_that_are_off_are_left_to_the_run(lab, monkeypatch):
    monkeypatch.setattr(needs.ssh, "answers", lambda host: False)
    assert lacking(lab, kernel=("netem",)) == []


def test_every_drill_has_a_question_a_hypothesis_and_expectations():
    for it in EXPERIMENTS.values():
        assert it.question.endswith("?") and it.hypothesis and it.steps and it.expectations, it.name
        assert {"lost", "dual_primary_ms"} <= {expect.metric for expect in it.expectations}, it.name
        assert it.cost_s > 0 and Path(ROOT / it.load.file).is_file(), it.name


def test_a_system_without_a_coordinator_needs_no_hosts_for_it(lab, monkeypatch):
    own = SimpleNamespace(name="own", coordinator_role=None, database_role="postgres", services={}, targets={})
    monkeypatch.setattr(needs, "system_of", lambda inventory: own)
    assert lacking(lab, coordinators=9) == []
    assert lacking(lab, databases=9) == ["it needs 9 hosts with the role postgres, the inventory has 3"]

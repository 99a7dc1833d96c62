"""A cluster on Debian 12: PostgreSQL 15, Patroni 3.0, etcd 3.4, HAProxy 2.6. Deployed twice, drilled, handed over."""

import json
from dataclasses import replace

import pytest

from firedrill.cluster import ssh
from firedrill.cluster.patroni import operations
from firedrill.experiments.drills.leader_power_cut import EXPERIMENT
from firedrill.experiments.run import steady_state
from firedrill.experiments.steps import Heal, Inject, UntilSteady, UntilWrites, Wait
from firedrill.faults.power.power_cut import PowerCut
from firedrill.inventories.access import access
from firedrill.inventories.read import read
from tests.experiments.cluster.helpers import missed, run
from tests.labs import place

pytestmark = pytest.mark.lab("other")
HOSTS = ("etcd1", "etcd2", "etcd3", "db1", "db2", "db3", "lb1", "app1")


@pytest.fixture(scope="module")
def inventory(like_lab, lab_up):
    file = like_lab(*place("other"), only=HOSTS)
    provider = '"provider": "nspawn"'
    file.write_text(file.read_text().replace(provider, f'{provider}, "release": "bookworm"'))
    with lab_up(file):
        yield file


@pytest.fixture
def ways(inventory):
    found = access(read(inventory))
    state, _ = steady_state.wait(found, 120, print)
    assert state.ok, state.detail
    return found


def deploy(command, inventory, *more):
    return command("pyinfra", "-y", "--json", *more, inventory, "deploy/cluster.py", seconds=300)


def test_a_second_deploy_changes_nothing(command, inventory):
    first, second = deploy(command, inventory), deploy(command, inventory)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "durability is 'on' instead of the 'quorum' of profile fast" in first.stderr
    assert second.returncode == 0, second.stdout + second.stderr
    totals = json.loads(second.stdout)["results"]["totals"]
    assert (totals["success"], totals["error"]) == (0, 0)
    found = []
    for name, packages in (("db1", "postgresql-15 patroni"), ("etcd1", "etcd-server")):
        with ssh.connect(read(inventory)[name]) as connection:
            found += ssh.sh(connection, f"dpkg-query -W -f '${{Version}} ' {packages}").split()
    assert {version[:3] for version in found} == {"15.", "3.0", "3.4"}


def test_quorum_commit_is_refused_in_one_line(command, ways, inventory):
    done = deploy(command, inventory, "--data", "durability=quorum")
    assert done.returncode == 2
    refused = [line for line in done.stderr.splitlines() if "✗" in line]
    assert len(refused) == 1 and "`durability` is 'quorum', and Patroni 3.0 has no quorum commit" in refused[0]


def test_a_standby_takes_over_after_a_power_cut_and_nothing_is_lost(ways, tmp_path):
    steps = (Wait(3), Inject(PowerCut(), "leader"), UntilWrites(90), Wait(6), Heal(), UntilSteady(90), Wait(1))
    verdict, _ = run(ways, replace(EXPERIMENT, steps=steps), tmp_path)
    assert verdict["lost"] == 0 and verdict["leader_changes"] == 1
    assert not missed(verdict), verdict["why"]


def test_a_switchover_is_planned_and_quick(ways):
    handover = operations.switchover(ways, 30)
    assert handover.old != handover.new
    state, _ = steady_state.wait(ways, 60, print)
    assert state.ok, state.detail

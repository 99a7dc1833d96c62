"""Hosts with only sshd and Python: the deploy installs everything itself, from Debian's packages."""

import json
from pathlib import Path

import httpx
import pytest

from firedrill.cluster import ssh
from firedrill.cluster.patroni import rest
from firedrill.experiments.run import steady_state
from firedrill.inventories.access import access
from firedrill.inventories.read import read
from tests.labs import place

pytestmark = pytest.mark.lab("bare")


@pytest.fixture(scope="module")
def inventory(like_lab, lab_up):
    with lab_up(like_lab(*place("bare"), source="compact"), "--bare") as file:
        yield file


def deploy(command, inventory: Path, *more: str) -> dict:
    done = command("pyinfra", "-y", "--json", *more, inventory, "deploy/cluster.py", seconds=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["results"]["totals"]


def test_bare_hosts_become_a_cluster_and_stay_one(command, inventory):
    with ssh.connect(read(inventory)["db1"]) as connection:
        assert ssh.sh(connection, "dpkg-query -W patroni 2>/dev/null || echo bare") == "bare"
        assert ssh.sh(connection, "/usr/bin/python3 -c 'import apt' && echo importable") == "importable"
    assert deploy(command, inventory)["error"] == 0
    there = access(read(inventory))
    state, _ = steady_state.wait(there, 60, print)
    assert state.ok, state.detail
    app = there.http[0]
    health = httpx.get(f"{app.url}/healthz", **app.httpx)
    assert health.status_code == 200
    totals = deploy(command, inventory)
    assert (totals["success"], totals["error"]) == (0, 0), "a second run changes nothing"


def test_one_changed_setting_changes_only_what_needs_it(command, inventory):
    totals = deploy(command, inventory, "--data", "etcd_heartbeat_ms=120")
    assert 0 < totals["success"] < 10
    deploy(command, inventory)


def test_a_host_that_is_off_is_named_in_one_line(command, inventory):
    assert command("lab", "-i", inventory, "stop", "db2").returncode == 0
    try:
        done = command("pyinfra", "-y", inventory, "deploy/cluster.py")
        assert done.returncode == 2
        assert "db2" in done.stderr.strip().splitlines()[-1]
        assert "cannot be reached over SSH" in done.stderr.strip().splitlines()[-1]
    finally:
        assert command("lab", "-i", inventory, "start", "db2").returncode == 0


def test_a_deadline_that_passes_prints_what_the_service_said(command, inventory):
    """PostgreSQL's program is taken away from the replica: the wait says who, what, how long, and the journal."""
    there = access(read(inventory))
    state, _ = steady_state.wait(there, 60, print)
    assert state.ok, state.detail
    replica = rest.view(there).replicas[0]
    program = "/usr/lib/postgresql/17/bin/postgres"
    with ssh.connect(there.inventory[replica]) as connection:
        ssh.sh(connection, f"systemctl stop patroni && mv {program} {program}.away")
        deadlines = json.dumps({"quorum": 10, "leader": 20, "streaming": 8, "standby": 10, "proxy": 10, "app": 10})
        try:
            done = command("pyinfra", "-y", "--data", f"deadlines={deadlines}", inventory, "deploy/cluster.py")
        finally:
            ssh.sh(connection, f"mv {program}.away {program}")
    assert done.returncode == 1
    assert "8 s" in done.stderr + done.stdout
    assert "patroni" in done.stderr + done.stdout
    deploy(command, inventory)

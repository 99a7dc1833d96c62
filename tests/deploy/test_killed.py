"""Deploys that are killed or run at the same time, and hosts that cannot become a cluster: on hosts from the image."""

import json
import os
import random
import shlex
from pathlib import Path

import pytest

from firedrill.cluster import ssh
from firedrill.deploy.on_host import lease
from firedrill.deploy.preflight import lock
from firedrill.experiments.run import steady_state
from firedrill.inventories import drill_lock
from firedrill.inventories.access import access
from firedrill.inventories.read import read
from tests.deploy import runs
from tests.labs import place

pytestmark = pytest.mark.lab("bare")
SEED, LATEST_S = 11, 16
# What a killed deploy may leave on a host: a lock, half-written files, held services.
NAMES = "-name '*.firedrill-new' -o -name 'firedrill-deploy-*'"
LEFT = f"find /etc /opt /usr/local {lease.FOLDER} {NAMES}; ls /usr/sbin/policy-rc.d"


@pytest.fixture(scope="module")
def inventory(like_lab, lab_up):
    with lab_up(like_lab(*place("bare"), source="compact")) as file:
        yield file


def on(inventory: Path, name: str, text: str) -> str:
    with ssh.connect(read(inventory)[name]) as connection:
        return ssh.script(connection, text, seconds=90, check=False)


def preflight(command, inventory: Path) -> dict:
    done = command("python", "-m", "firedrill.deploy.preflight", "-i", inventory, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == (0 if found["ok"] else 2), done.stderr
    return found


FOREIGN = """
systemd-run --quiet --unit=squatter python3 -m http.server 8008
hostnamectl set-hostname db1 2>/dev/null || hostname db1
install -d -o postgres -g postgres /var/lib/postgresql/17 /var/lib/postgresql/17/{cluster}
echo x >/var/lib/postgresql/17/{cluster}/PG_VERSION
"""
UNDO = """
systemctl stop squatter
hostnamectl set-hostname db2 2>/dev/null || hostname db2
rm -r /var/lib/postgresql/17/{cluster}
"""


def test_hosts_that_cannot_become_a_cluster_are_refused_with_all_findings(command, inventory):
    cluster = read(inventory).data["cluster"]
    assert [one for one in preflight(command, inventory)["findings"] if one["refused"]] == []
    on(inventory, "db2", FOREIGN.format(cluster=cluster))
    try:
        refused = [one for one in preflight(command, inventory)["findings"] if one["refused"]]
        assert {(one["host"], one["check"]) for one in refused} == {
            ("db2", "ports"), ("db2", "identity"), ("db2", "foreign data")
        }  # fmt: skip
        done = command("pyinfra", "-y", inventory, runs.ENTRY)
        said = [line for line in done.stderr.splitlines() if line.startswith("deploy: ✗")]
        assert done.returncode == 2 and len(said) == 3
        assert any("port 8008 is taken by python3 (pid " in line and "squatter.service" in line for line in said)
        assert on(inventory, "etcd1", "cat /etc/hosts; ls /usr/local/sbin").count("firedrill") == 0, "nothing is done"
    finally:
        on(inventory, "db2", UNDO.format(cluster=cluster))


@pytest.mark.parametrize("kills", [4, pytest.param(10, marks=pytest.mark.soak)])
def test_a_deploy_that_is_killed_at_any_moment_is_completed_by_the_next(command, inventory, kills):
    moments = [round(random.Random(f"{SEED}.{step}").uniform(1, LATEST_S), 1) for step in range(kills)]
    for step, moment in enumerate(moments):
        print(f"seed {SEED}, step {step}: SIGKILL after {moment} s")
        runs.killed(inventory, moment)
    runs.changed(command, inventory)
    there = access(read(inventory))
    state, _ = steady_state.wait(there, 60, print)
    assert state.ok, state.detail
    assert runs.changed(command, inventory) == {}, "the run after that changes nothing"
    for host in there.inventory.hosts:
        assert on(inventory, host.name, f"{{ {LEFT}; }} 2>/dev/null") == "", host.name


def test_a_change_that_a_killed_deploy_wrote_is_applied_by_the_next(command, inventory):
    """Killed between the new file and the restart: etcd would run with the old one for ever."""
    setting = "etcd_heartbeat_ms=110"
    child = runs.started(inventory, "--data", setting)
    written = "until grep -qs 110 /etc/default/etcd; do sleep 0.02; done"
    on(inventory, "etcd1", f"timeout 80 sh -c '{written}'")
    child.kill()
    child.wait()
    runs.changed(command, inventory, "--data", setting)
    for name in ("etcd1", "etcd2", "lb1"):
        running = "tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value etcd)/environ | grep HEARTBEAT"
        assert on(inventory, name, running) == "ETCD_HEARTBEAT_INTERVAL=110"
    runs.changed(command, inventory)


def refusal(command, inventory: Path) -> str:
    """The only line of a deploy that is refused because something runs."""
    done = command("pyinfra", "-y", inventory, runs.ENTRY)
    assert done.returncode == 2, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("deploy: ") and "⚠" not in line]
    return line


def test_a_second_deploy_is_refused_on_this_machine_and_on_another(command, inventory):
    there = read(inventory)
    with drill_lock.only_one(there, "deploy"):
        assert f"a deploy is running on this cluster (process {os.getpid()} of " in refusal(command, inventory)
    other = drill_lock.Holder("deploy", 4711, "ann", "ops1", "2026-01-31 12:00:00 UTC")
    name = f"firedrill-deploy-{there.data['cluster']}"
    words = ["python3", "-c", lock.PROGRAM.read_text(), name, drill_lock.written(other), "120"]
    with ssh.connect(there["etcd1"]) as connection:
        holding = ssh.Running(connection, shlex.join(words))
        assert holding.line() == "taken"
        said = refusal(command, inventory)
        assert "a deploy is running on this cluster, as etcd1 knows (process 4711 of ann@ops1, since 2026-01-31" in said
        holding.send("", last=True)
        holding.end()
    assert on(inventory, "etcd1", f"ls {lease.FOLDER}") == ""


def test_a_deploy_holds_the_lock_of_a_host_until_it_ends(inventory):
    lock = f"{lease.FOLDER}/firedrill-deploy-{read(inventory).data['cluster']}"
    with runs.started(inventory) as running:
        assert on(inventory, "etcd1", f"timeout 80 sh -c 'until ls {lock}; do sleep 0.05; done'")
        another_user = f"runuser -u nobody -- flock -n {lock} true 2>/dev/null; echo $?; stat -c %a {lock}"
        assert on(inventory, "etcd1", another_user).split() == ["66", "600"], "nobody else can hold it"
        running.kill()
    gone = f"timeout 20 sh -c 'while ls {lock}; do sleep 0.05; done' >/dev/null 2>&1; echo $?"
    assert on(inventory, "etcd1", gone) == "0"


def test_a_deploy_during_a_drill_is_refused(command, inventory):
    with drill_lock.only_one(read(inventory)):
        assert refusal(command, inventory).startswith("deploy: a drill is running on this cluster (process ")

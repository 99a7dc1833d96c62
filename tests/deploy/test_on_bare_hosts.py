"""Hosts with only sshd and Python: the deploy installs everything itself, from Debian's packages."""

import contextlib
import json
import threading
import time
from itertools import pairwise
from pathlib import Path

import httpx
import psycopg
import pytest

from firedrill.cluster import ssh
from firedrill.cluster.patroni import rest
from firedrill.experiments.run import steady_state
from firedrill.inventories.access import access
from firedrill.inventories.read import read
from tests.deploy import runs
from tests.experiments.cluster import listeners

pytestmark = pytest.mark.lab("bare")


def deploy(command, inventory: Path, *more: str) -> dict:
    done = command("pyinfra", "-y", "--json", *more, inventory, "deploy/cluster.py", seconds=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["results"]["totals"]


def test_bare_hosts_become_a_cluster_and_stay_one(command, inventory):
    with ssh.connect(read(inventory)["db1"]) as connection:
        assert ssh.sh(connection, "dpkg-query -W patroni 2>/dev/null || echo bare") == "bare"
        assert ssh.sh(connection, "/usr/bin/python3 -c 'import apt' && echo importable") == "importable"
    plan = runs.planned(command, inventory)
    changes = runs.changed(command, inventory)
    assert runs.without_waits(plan) == runs.without_waits(changes), "a plan shows what the run changes"
    there = access(read(inventory))
    state, _ = steady_state.wait(there, 60, print)
    assert state.ok, state.detail
    app = there.http[0]
    health = httpx.get(f"{app.url}/healthz", **app.httpx)
    assert health.status_code == 200
    totals = deploy(command, inventory)
    assert (totals["success"], totals["error"]) == (0, 0), "a second run changes nothing"


def test_one_changed_setting_changes_only_what_needs_it(command, inventory):
    plan = runs.planned(command, inventory, "--data", "etcd_heartbeat_ms=120")
    changes = runs.changed(command, inventory, "--data", "etcd_heartbeat_ms=120")
    assert runs.without_waits(plan) == runs.without_waits(changes)
    assert 0 < sum(map(len, changes.values())) < 10
    deploy(command, inventory)


class Writes(threading.Thread):
    """Rows written one after the other, each on a connection of its own, until it is stopped."""

    def __init__(self, there):
        super().__init__()
        self.acked, self.failed, self._arguments, self._over = [], [], there.sql_front(), threading.Event()

    def run(self):
        while not self._over.wait(0.1):
            try:
                with psycopg.connect(**self._arguments) as connection:
                    connection.execute("CREATE TABLE IF NOT EXISTS firedrill.renewal (at timestamptz DEFAULT now())")
                    connection.execute("INSERT INTO firedrill.renewal DEFAULT VALUES")
                self.acked.append(time.monotonic())
            except psycopg.Error as error:
                self.failed.append(str(error))

    def stop(self):
        self._over.set()
        self.join()
        return max(later - earlier for earlier, later in pairwise(self.acked))


def certificates_seen(there):
    """The serial number of the certificate of every listener of every host."""
    hosts = there.inventory.hosts
    known = [(host, port, kind) for host in hosts for port, kind in listeners.allowed(host).items()]
    return {(host.name, port): listeners.serial(there, host, port, kind) for host, port, kind in known}


def renewed(there, before):
    """Wait until all listeners show another certificate. Patroni opens its port anew for that."""
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(ConnectionError):
            if not certificates_seen(there).items() & before.items():
                return
        assert time.monotonic() < deadline, "a listener still shows its old certificate"
        time.sleep(0.5)


def started(there):
    """When etcd, Patroni and PostgreSQL were started, on each host."""
    pid = "/var/lib/postgresql/*/*/postmaster.pid"
    ask = f"systemctl show -p ExecMainStartTimestampMonotonic etcd patroni; head -3 {pid} 2>/dev/null || true"
    return {host.name: ssh.sh(connection, ask) for host, connection in connections(there)}


def connections(there):
    for host in there.inventory.hosts:
        with ssh.connect(host) as connection:
            yield host, connection


def test_certificates_are_renewed_under_writes_and_nothing_restarts(command, inventory):
    """All of them at once: those of a year are not good enough for an inventory that wants 400 days left."""
    there = access(read(inventory))
    if not there.data["tls"]:
        pytest.skip("the cluster is deployed without TLS")
    before, processes, leader = certificates_seen(there), started(there), rest.view(there).leader
    writes = Writes(there)
    writes.start()
    try:
        deploy(command, inventory, "--data", "certificate_days=730", "--data", "renew_days=400")
        renewed(there, before)
    finally:
        longest = writes.stop()
    assert (started(there), rest.view(there).leader) == (processes, leader)
    assert len(writes.acked) > 10 and longest < 10, writes.failed
    totals = deploy(command, inventory)
    assert (totals["success"], totals["error"]) == (0, 0), "nothing is left to renew"


def test_a_setting_in_etcd_that_runs_a_command_ends_the_next_deploy(command, inventory):
    there = access(read(inventory))
    edit = "patronictl -c /etc/patroni/config.yml edit-config --force --set postgresql.parameters"
    with ssh.connect(there.inventory.role("postgres")[0]) as connection:
        ssh.sh(connection, f"{edit}.archive_cleanup_command='touch /tmp/x' && {edit}.work_mem=5MB")
        try:
            done = command("pyinfra", "-y", inventory, "deploy/cluster.py")
        finally:
            ssh.sh(connection, f"{edit}.archive_cleanup_command=null")
    assert done.returncode == 2
    assert "durability: postgresql.parameters.archive_cleanup_command: find out" in done.stderr.splitlines()[-1]
    done = command("pyinfra", "-y", inventory, "deploy/cluster.py")
    assert done.returncode == 0, done.stderr
    assert "settings of others, kept: postgresql.parameters.work_mem" in done.stderr + done.stdout


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

"""The compact five with kernels of their own: what only those can show, measured, and found out when it is broken.

How long writes were out hangs on this machine's speed: it has a ceiling of a few times the bound.
"""

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from firedrill.cluster import ssh
from firedrill.cluster.patroni import rest
from firedrill.experiments.drills.patroni_frozen import EXPERIMENT
from firedrill.experiments.judge.findings import Findings, find
from firedrill.experiments.judge.recording import load
from firedrill.experiments.run import runner, steady_state
from firedrill.faults import engine, ledger
from firedrill.faults.catalogue import FAULTS
from firedrill.inventories.access import Access, access
from firedrill.inventories.read import read
from tests.experiments.cluster.helpers import drilled, missed
from tests.faults.blade_release import archive, options_of
from tests.labs import place

pytestmark = pytest.mark.lab("kern")
NAME, SUBNET = place("kern")
WHOLE_SECONDS = 120
MODE = "sed -i '/^watchdog:/,/^[a-z]/ s/mode: .*/mode: \"{mode}\"/' /etc/patroni/config.yml; systemctl reload patroni"


@dataclass(frozen=True)
class Drill:
    """What `experiments run NAME --json` came to."""

    exit: int
    verdict: dict
    findings: Findings
    said: str


@pytest.fixture(scope="module")
def inventory(own_kernels, like_lab, lab_up):
    with lab_up(like_lab(NAME, SUBNET, source="vms_local")) as file:
        yield file


@pytest.fixture(scope="module")
def ways(inventory, deploy) -> Access:
    """The cluster, put there by the deploy that every other gets."""
    deploy(inventory)
    return access(read(inventory))


@pytest.fixture(autouse=True)
def sound(ways):
    """A cluster that is whole before the test."""
    state, _ = steady_state.wait(ways, WHOLE_SECONDS, print)
    assert state.ok, state.detail


@pytest.fixture
def drill(ways, inventory, command, tmp_path):
    def run(name: str, *more: str) -> Drill:
        words = ("run", name, "--json", "--seed", 1, "--reports", tmp_path, *more)
        done = drilled(command, "-i", inventory, *words, seconds=600)
        assert done.returncode in (0, 1), done.stderr
        verdict = json.loads(done.stdout)
        findings = find(load(events_of(verdict["report"])))
        found = Drill(done.returncode, verdict, findings, done.stderr)
        assert missed(verdict) == [], verdict["why"]
        assert (verdict["lost"], verdict["dual_primary_ms"], verdict["steady_after"]) == (0, 0, True)
        assert verdict["acked"] > 100
        return found

    return run


def events_of(folder: str) -> Path:
    return Path(folder) / "events.jsonl"


def boot_id(ways: Access, name: str) -> str:
    with ssh.connect(ways.inventory[name]) as connection:
        return ssh.sh(connection, "cat /proc/sys/kernel/random/boot_id")


def test_the_leaders_power_cut_loses_nothing(drill):
    verdict = drill("leader_power_cut").verdict
    assert verdict["leader_after"] != verdict["leader_before"]
    assert verdict["rto_ms"] > 1000, "it was out"


@pytest.fixture(scope="module")
def blade(inventory, ways, command, tmp_path_factory):
    """chaosblade on every host."""
    words = options_of(*archive(tmp_path_factory.mktemp("release"), "chaosblade-1.7.2"))
    done = command("pyinfra", "-y", *words, inventory, "deploy/chaosblade.py")
    assert done.returncode == 0, done.stderr


def test_a_drill_by_another_backend_finds_the_same_and_says_so(blade, drill):
    found = drill("corrupt_sync_standby", "--backend", "chaosblade")
    assert found.findings.run.backend == "chaosblade"
    assert {fault.phases[0].args["backend"] for fault in found.findings.faults} == {"chaosblade"}
    assert "--backend chaosblade" in (Path(found.verdict["report"]) / "report.md").read_text()
    assert found.verdict["tcp"]["checksum_errors_during"] > 10


def test_corruption_is_measured_where_it_happens(drill):
    found = drill("corrupt_sync_standby")
    tcp, leader = found.verdict["tcp"], found.verdict["leader_before"]
    standby = found.findings.faults[0].host
    wrong = {host: rates["checksum_errors"] for host, rates in tcp["hosts"].items()}
    assert wrong[leader]["before"] == 0 < wrong[leader]["during"]
    assert {host for host, rates in wrong.items() if rates["during"]} == {leader}
    sent_again = tcp["hosts"][standby]["retransmits"]
    assert sent_again["during"] > sent_again["before"]
    assert found.verdict["rto_ms"] > 200, "commits waited for what was sent again"
    assert tcp["rebooted"] == []


def test_a_leader_whose_patroni_hangs_is_fenced_before_another_leads(drill, ways):
    boots = {name: boot_id(ways, name) for name in ("db1", "db2")}
    found = drill("patroni_frozen")
    old = found.verdict["leader_before"]
    assert found.verdict["leader_after"] != old
    assert found.verdict["tcp"]["rebooted"] == [old]
    assert boot_id(ways, old) != boots.pop(old)
    assert {name: boot_id(ways, name) for name in boots} == boots
    known = found.findings
    taken = next(t for t, who, _ in known.leadership if t > known.fault_at and who not in (None, old))
    samples = [sample for sample in known.tcp_samples[old] if sample.reachable]
    last = [sample.t for sample in samples if sample.boot == samples[0].boot][-1]
    assert last < taken and known.holder_at(last) == old, "it fell silent while it still held the leadership"


@pytest.mark.soak  # beside other labs the leader's watchdog resets the host before the storage is back: a failover
def test_hung_storage_is_no_failover_as_long_as_patroni_only_reads(drill, ways):
    found = drill("storage_hang")
    assert found.verdict["leader_changes"] == 0, "the failover that does not come"
    assert found.verdict["rto_ms"] > 1000 * ways.profile["ttl"], "while every commit waits for longer than a lease"
    assert found.verdict["unknown_writes"] > 0 and found.verdict["during"]["read_ratio"] > 0.5


def test_read_only_storage_is_a_failover(drill):
    verdict = drill("storage_read_only").verdict
    assert verdict["leader_changes"] == 1
    assert verdict["leader_after"] != verdict["leader_before"]


def test_a_clock_that_goes_back_puts_the_leader_to_sleep_and_the_watchdog_resets_it(drill):
    verdict = drill("clock_back").verdict
    assert verdict["leader_changes"] == 1
    assert verdict["leader_after"] != verdict["leader_before"]


def test_a_run_aborts_at_its_limit_of_user_errors(ways, inventory, command, tmp_path):
    """Healed long before the drill would do it, which is ttl + 10 s after the fault."""
    done = command(
        "experiments", "-i", inventory, "run", "storage_hang", "--abort-when-errors", "20%/5s", "--json",
        "--reports", tmp_path, seconds=300,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["verdict"] == "unknown"
    assert "requests failed in the last 5 s, limit 20 %" in verdict["why"][0]
    assert (verdict["lost"], verdict["dual_primary_ms"], verdict["steady_after"]) == (0, 0, True)
    assert ledger.entries(ways.inventory) == []


def test_a_watchdog_that_is_off_behind_the_inventorys_back_is_found_out(ways, tmp_path):
    """The drill fails: the old leader's host lives on beside the new leader, though nothing was lost yet."""
    set_watchdog(ways, "off")
    try:
        verdict = runner.Run(replace(EXPERIMENT), ways, seed=1, folder=tmp_path, tell=print).run().to_json()
    finally:
        set_watchdog(ways, "required")
    assert verdict["verdict"] == "fail"
    assert verdict["tcp"]["unfenced"] == 1
    assert verdict["tcp"]["rebooted"] == []
    assert any("the host is reset before another node leads" in sentence for sentence in verdict["why"])
    assert (verdict["lost"], verdict["dual_primary_ms"]) == (0, 0), "its writes wait for a standby that it has no more"


def test_memory_is_used_up_and_no_database_dies_of_it(ways):
    """On the leader, with its databases at work: what is left is enough for them, and the fault gives way."""
    name = rest.view(ways).leader.name
    look = (
        "systemctl show -P MainPID -P NRestarts patroni; head -1 /var/lib/postgresql/*/*/postmaster.pid; "
        "grep oom_kill /proc/vmstat"
    )
    with ssh.connect(ways.inventory[name]) as connection:
        before = ssh.sh(connection, look)
        plan = engine.plan(FAULTS["memory"](percent=90), name, ways, limit_s=60)
        entries = engine.inject(plan, ways, lambda *_: None)
        try:
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                with psycopg.connect(**ways.sql_front()) as database:
                    database.execute("SELECT count(*) FROM generate_series(1, 100000)")
        finally:
            for entry in entries:
                engine.heal(entry, ways, lambda *_: None)
        assert ssh.sh(connection, look) == before
    assert before.endswith("oom_kill 0")


def set_watchdog(ways: Access, mode: str) -> None:
    """Change it on the hosts, and wait until the leader's Patroni has let go of the device, or taken it."""
    wanted = {"off": 0, "required": 1}[mode]
    held = "ls -l /proc/$(systemctl show -P MainPID patroni)/fd | grep -c watchdog"
    for host in ways.inventory.role("postgres"):
        with ssh.connect(host) as connection:
            ssh.sh(connection, MODE.format(mode=mode))
    state, _ = steady_state.wait(ways, WHOLE_SECONDS, print)
    assert state.leader
    deadline = time.monotonic() + 30
    with ssh.connect(ways.inventory[state.leader]) as connection:
        while int(ssh.sh(connection, held, check=False) or 0) != wanted:
            assert time.monotonic() < deadline, f"the watchdog is not {mode} after 30 s"
            time.sleep(0.5)

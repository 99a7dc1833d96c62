"""What is over leaves the ledger by itself; of a host that does not answer nothing is known, and that is said."""

import json

import pytest

from firedrill.cluster import ssh
from firedrill.faults import engine, ledger
from firedrill.faults.catalogue import FAULTS
from firedrill.inventories import drill_lock
from tests.faults.conftest import until

pytestmark = pytest.mark.lab("net")


@pytest.fixture
def faults(command, net):
    def run(verb: str, *words: str):
        return command("faults", "-i", net, verb, *words)

    return run


@pytest.fixture
def silent(command, net, resume):
    """Pause a host behind the back of everybody; it goes on in the end."""
    paused = []

    def pause(name: str) -> None:
        assert command("lab", "-i", net, "pause", name).returncode == 0
        paused.append(name)

    yield pause
    resume(*paused)


@pytest.fixture
def resume(command, net, ways):
    def run(*names: str) -> None:
        for name in names:
            command("lab", "-i", net, "resume", name)
            ssh.wait(ways.inventory[name], up=True, seconds=30)

    return run


def test_what_healed_itself_is_no_longer_active_and_blocks_nothing(inject, faults, on, ways):
    for name in ("etcd1", "etcd2"):
        inject("disk_full", name, limit_s=3)
    until(lambda: all(on(name, "ls /var/lib/faults") == "" for name in ("etcd1", "etcd2")), 10)
    assert engine.plan(FAULTS["drop"](peers="etcd1"), "etcd3", ways).hosts, "the quorum guard counts no healed fault"
    inject("disk_full", "etcd1", limit_s=2)
    until(lambda: on("etcd1", "ls /var/lib/faults") == "", 10)
    done = faults("status")
    assert (done.stdout, done.returncode) == ("no active fault\n", 0)
    assert ledger.entries(ways.inventory) == []


def test_what_healed_itself_and_left_a_difference_stays(inject, faults, on, ways):
    inject("command", "etcd1", do="touch /root/x", proof="test -e /root/x", undo="true", within_s=1, limit_s=2)
    until(lambda: on("etcd1", "ls /var/lib/faults") == "", 10)
    shown = json.loads(faults("status", "--json").stdout)["active"]
    assert [(row["fault"], row["heals_in_s"], row["status"]) for row in shown] == [("command", 0, "in effect")]
    on("etcd1", "rm /root/x")


def test_a_silent_host_is_not_known(faults, silent):
    silent("etcd1")
    done = faults("status")
    assert (done.stdout, done.returncode) == ("", 3)
    assert "faults: not known: etcd1 does not answer SSH" in done.stderr
    done = faults("status", "--json")
    assert json.loads(done.stdout) == {"active": [], "not_known": [{"host": "etcd1", "why": "does not answer SSH"}]}
    assert done.returncode == 3


def test_all_that_can_be_healed_is_and_the_rest_is_said(inject, faults, silent, resume, ways):
    inject("disk_full", "etcd2")
    silent("etcd3")
    done = faults("heal", "--all")
    assert done.returncode == 3, done.stderr
    assert "all as before" in done.stderr
    assert "not known: etcd3 does not answer SSH" in done.stderr
    assert ledger.entries(ways.inventory) == []
    resume("etcd3")
    inject("disk_full", "etcd1")
    inject("cpu", "etcd2", cores=1, percent=20)
    silent("etcd1")
    done = faults("heal", "--all")
    assert done.returncode == 2
    assert "etcd1 does not answer SSH: it heals itself at its limit" in done.stderr
    assert [entry.host for entry in ledger.entries(ways.inventory)] == ["etcd1"]


def test_a_host_that_a_fault_of_ours_silences_is_known(inject, faults):
    inject("power_cut", "etcd1")
    done = faults("status", "--json")
    assert done.returncode == 0, done.stderr
    assert [row["status"] for row in json.loads(done.stdout)["active"]] == ["off: does not answer SSH"]


def test_no_fault_is_injected_by_hand_while_a_drill_runs(faults, ways, on):
    with drill_lock.only_one(ways.inventory):
        done = faults("inject", "cpu", "etcd1")
    assert done.returncode == 2
    assert "a drill is running on this cluster (process " in done.stderr
    assert on("etcd1", "ls /var/lib/faults") == ""

"""Faults on real hosts: each bites, heals, and heals by itself when its controller is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from firedrill.faults import ledger
from firedrill.inventories.read import read
from tests.labs import ROOT, place

pytestmark = pytest.mark.lab("faults")
NAME, SUBNET = place("faults")


@pytest.fixture(scope="module")
def inventory(like_lab, lab_up):
    with lab_up(like_lab(NAME, SUBNET, only=("etcd1", "db1"))) as file:
        yield file


@pytest.fixture
def faults(command, inventory):
    def run(verb: str, *words: str):
        """Injected all the same: no cluster was deployed here."""
        return command("faults", "-i", inventory, verb, *words, *(["--unsteady"] if verb == "inject" else []))

    yield run
    command("faults", "-i", inventory, "heal", "--all")
    assert ledger.entries(read(inventory)) == []


@pytest.fixture
def shell(command, inventory) -> Callable[[str], str]:
    return lambda text: command("lab", "-i", inventory, "shell", "db1", "--", text).stdout.strip()


def state(command, inventory) -> str:
    rows = json.loads(command("lab", "-i", inventory, "status", "--json").stdout)
    return next(row["state"] for row in rows if row["name"] == "db1")


def until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.2)


@pytest.mark.parametrize("fault", ["power_cut", "poweroff"])
def test_power_faults_bite_and_heal(faults, command, inventory, fault):
    done = faults("inject", fault, "db1")
    assert done.returncode == 0, done.stderr
    assert "effective: db1 no longer answers SSH" in done.stderr
    if fault == "poweroff":  # in order: sshd ends before the host does
        until(lambda: state(command, inventory) == "off", 30)
    assert state(command, inventory) == "off"
    rows = json.loads(faults("status", "--json").stdout)
    assert [(row["fault"], row["host"], row["status"]) for row in rows] == [(fault, "db1", "off: does not answer SSH")]
    healed = faults("heal", rows[0]["id"])
    assert "clean: db1 rebooted and answers SSH" in healed.stderr
    until(lambda: state(command, inventory) == "running", 30)
    assert json.loads(faults("status", "--json").stdout) == []


def test_a_power_cut_heals_by_itself_when_the_controller_is_gone(faults, command, inventory):
    assert faults("inject", "power_cut", "db1", "--for", "15s").returncode == 0
    assert state(command, inventory) == "off"
    until(lambda: state(command, inventory) == "running", 45)
    until(lambda: json.loads(faults("status", "--json").stdout) == [], 15)


def test_a_power_cut_heals_by_itself_when_its_controller_is_killed_at_any_step(command, inventory):
    for moment in (0.9, 1.2, 1.6):
        child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "firedrill.faults",
                "-i",
                str(inventory),
                "inject",
                "power_cut",
                "db1",
                "--for",
                "5s",
                "--unsteady",
            ],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moment)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        until(lambda: ledger.entries(read(inventory)) == [], 25)
        until(lambda: state(command, inventory) == "running", 30)


def test_a_power_command_that_does_nothing_is_not_effective(command, inventory):
    text = inventory.read_text().replace("lab -i {inventory} cut {name}", "true")
    liar = inventory.with_name(f"{NAME}_liar.py")
    liar.write_text(text)
    done = command("faults", "-i", liar, "inject", "power_cut", "db1", "--unsteady")
    assert done.returncode == 2
    assert "not_effective: db1 answers SSH still after 5 s" in done.stderr
    assert "clean: db1 never went down" in done.stderr
    assert ledger.entries(read(liar)) == []


def test_kill_bites_and_heals(faults, shell):
    before = shell("systemctl show -P MainPID systemd-networkd")
    done = faults("inject", "kill", "db1", "--process", "systemd-networkd.service")
    assert done.returncode == 0, done.stderr
    assert f"(pid {before}) is gone" in done.stderr
    assert "faults-" in shell("systemctl list-timers --no-legend")
    healed = faults("heal", "--all")
    assert "runs again" in healed.stderr
    assert shell("systemctl show -P MainPID systemd-networkd") not in (before, "0")
    assert "faults-" not in shell("systemctl list-timers --no-legend; ls /var/lib/faults")


def test_kill_refuses_what_does_not_run(faults):
    done = faults("inject", "kill", "db1", "--process", "app")
    assert done.returncode == 2
    assert "db1 runs no app: it has postgres" in done.stderr


def test_a_cluster_that_is_not_whole_is_left_alone(command, inventory):
    done = command("faults", "-i", inventory, "inject", "power_cut", "db1")
    assert done.returncode == 2
    assert "the cluster is not in its steady state (db1: " in done.stderr
    assert "say `--unsteady` to go on anyway" in done.stderr
    until(lambda: state(command, inventory) == "running", 30)


MARK = ("--do", "touch /root/mark", "--proof", "test -e /root/mark", "--undo", "rm -f /root/mark", "--within-s", "1")


def test_your_own_command_bites_and_heals(faults, shell):
    assert faults("inject", "command", "db1", *MARK).returncode == 0
    assert shell("ls /root") == "mark"
    again = faults("inject", "command", "db1", *MARK)
    assert again.returncode == 2
    assert "succeeds already" in again.stderr
    assert faults("heal", "--all").returncode == 0
    assert shell("ls /root") == ""


def test_your_own_command_heals_by_itself_on_the_host(faults, shell):
    assert faults("inject", "command", "db1", "--for", "2s", *MARK).returncode == 0
    until(lambda: shell("ls /root /var/lib/faults") == "/root:\n\n/var/lib/faults:", 10)
    assert faults("heal", "--all").returncode == 0, "healing what healed itself is fine"


def test_a_command_without_effect_is_healed_at_once(faults, shell):
    done = faults("inject", "command", "db1", "--do", "touch /root/other", *MARK[2:])
    assert done.returncode == 2
    assert "not_effective" in done.stderr
    assert shell("ls /var/lib/faults") == ""
    shell("rm /root/other")


def test_an_undo_that_does_not_undo_is_not_clean(faults, shell):
    assert faults("inject", "command", "db1", *MARK[:4], "--undo", "true", "--within-s", "1").returncode == 0
    done = faults("heal", "--all")
    assert done.returncode == 2
    assert "not_clean" in done.stderr
    shell("rm -f /root/mark")

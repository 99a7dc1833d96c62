"""A runner that is stopped in the middle, by Ctrl-C or SIGKILL: it, or the next one, heals, says so, and goes on."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from firedrill.cluster import ssh
from firedrill.cluster.patroni import rest
from firedrill.experiments.drills.leader_power_cut import EXPERIMENT
from firedrill.experiments.judge.recording import load_events
from firedrill.experiments.judge.verdict import judge
from firedrill.experiments.run import runner
from firedrill.experiments.steps import Wait
from firedrill.faults import ledger as fault_ledger
from tests.experiments.cluster.helpers import WHOLE_SECONDS, run, runner_of

pytestmark = pytest.mark.lab("killed")


def test_a_killed_runner_leaves_a_cluster_that_the_next_run_heals(sound, deployed, command, tmp_path):
    child = runner_of(deployed, "leader_power_cut", tmp_path)
    assert child.stderr
    next(line for line in child.stderr if "effective" in line)
    assert len(_observers(tmp_path)) >= 6
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    entry = fault_ledger.entries(sound.inventory)[0]
    assert entry.fault == "power_cut"
    assert not ssh.answers(sound.inventory[entry.host])
    healed = command("faults", "-i", deployed, "heal", "--all")
    assert "clean" in healed.stderr
    assert fault_ledger.entries(sound.inventory) == []
    assert _observers(tmp_path) == [], "observers end with their runner"


def test_settings_that_a_killed_run_left_are_restored_by_the_next(sound, deployed, tmp_path):
    child = runner_of(deployed, "etcd_two_down", tmp_path)
    assert child.stderr
    next(line for line in child.stderr if "settings set" in line)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    was = {"failsafe_mode": True, "ttl": 20}
    assert [rest.dynamic_configuration(sound)[name] for name in was] == [False, 40]
    _, events = run(sound, replace(EXPERIMENT, steps=(Wait(1),)), tmp_path)
    assert [rest.dynamic_configuration(sound)[name] for name in was] == [True, 20]
    (told,) = [event for event in events if event["kind"] == "settings"]
    assert (told["phase"], told["after"]) == ("restored", was)


def _observers(reports: Path) -> list[str]:
    """The processes of observers, by their arguments, and of users, by their environment, that write there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            text = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:  # gone, or not ours to look at
            continue
        if str(reports).encode() in text:
            found.append(text.replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_ctrl_c_heals_and_still_writes_a_report(sound, deployed, tmp_path):
    child = runner_of(deployed, "leader_power_cut", tmp_path)
    assert child.stderr
    next(line for line in child.stderr if "effective" in line)
    child.send_signal(signal.SIGINT)
    said = child.communicate(timeout=300)[1]
    assert child.returncode == 130, said
    assert fault_ledger.entries(sound.inventory) == []
    verdict = judge(load_events(next(tmp_path.glob("*/events.jsonl"))))
    assert verdict["verdict"] == "unknown"


@pytest.mark.parametrize("step", ["waiting for the steady state (before)", "observers are running", "wait 8 s",
                                  "inject", "effective", "wait up to", "clean", "counting the rows"])  # fmt: skip
def test_after_a_kill_in_any_step_the_next_run_heals_and_goes_on(sound, deployed, tmp_path, step, capfd, monkeypatch):
    """A host that had lost its power may take as long to be back as the fixture gives it."""
    monkeypatch.setattr(runner, "STEADY_SECONDS", WHOLE_SECONDS)
    child = runner_of(deployed, "standby_power_cut", tmp_path)
    assert child.stderr
    next(line for line in child.stderr if step in line)
    child.kill()
    child.communicate()
    left = fault_ledger.entries(sound.inventory)
    verdict, events = run(sound, replace(EXPERIMENT, steps=(Wait(1),)), tmp_path)
    assert (verdict["steady_before"], verdict["steady_after"]) == (True, True), verdict["why"]
    assert fault_ledger.entries(sound.inventory) == []
    assert {event["id"] for event in events if event.get("phase") == "clean"} == {entry.id for entry in left}
    assert ("an earlier run left" in capfd.readouterr().out) == bool(left)

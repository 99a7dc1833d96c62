"""A runner that is stopped in the middle, by Ctrl-C or SIGKILL: it, or the next one, heals, says so, and goes on."""

import os
import signal
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest

from firedrill.cluster import ssh
from firedrill.cluster.patroni import rest
from firedrill.experiments.drills.leader_power_cut import EXPERIMENT
from firedrill.experiments.judge.recording import load_events
from firedrill.experiments.judge.verdict import judge_events
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
    verdict = judge_events(load_events(next(tmp_path.glob("*/events.jsonl"))))
    assert verdict.verdict == "unknown"


# Where the runs of a chain are killed, one after the other.
STEPS = ("waiting for the steady state (before)", "observers are running", "wait 8 s", "inject", "effective",
         "wait up to", "clean", "counting the rows")  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_a_run_heals_what_a_killed_one_left_and_is_killed_itself(deployed, ways, tmp_path, step):
    """A chain: what one test leaves is healed by the run of the next, and in the end by the test below."""
    left = {entry.id for entry in fault_ledger.entries(ways.inventory)}
    child = runner_of(deployed, "standby_power_cut", tmp_path)
    assert child.stderr
    healing = list(takewhile(lambda line: STEPS[0] not in line, child.stderr))
    reached = step == STEPS[0] or any(step in line for line in child.stderr)
    child.kill()
    child.communicate()
    assert reached
    assert any("an earlier run left power_cut" in line for line in healing) == bool(left)
    (file,) = tmp_path.glob("*/parts-*/runner.jsonl")
    clean = {event["id"] for event in load_events(file) if event.get("phase") == "clean"}
    assert left <= clean
    assert left.isdisjoint(entry.id for entry in fault_ledger.entries(ways.inventory))


def test_after_the_last_kill_a_run_goes_through(deployed, ways, tmp_path, monkeypatch):
    """A host that had lost its power may take as long to be back as the fixture gives it."""
    monkeypatch.setattr(runner, "STEADY_SECONDS", WHOLE_SECONDS)
    left = {entry.id for entry in fault_ledger.entries(ways.inventory)}
    verdict, events = run(ways, replace(EXPERIMENT, steps=(Wait(1),)), tmp_path)
    assert (verdict["steady_before"], verdict["steady_after"]) == (True, True), verdict["why"]
    assert {event["id"] for event in events if event.get("phase") == "clean"} == left
    assert fault_ledger.entries(ways.inventory) == []

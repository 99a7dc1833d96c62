"""The `lab` command without hosts: options, refusals, and what it leaves alone."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from firedrill.inventories import drill_lock
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.lab import __main__ as command_line
from firedrill.lab import core, image


@pytest.mark.parametrize("words", [["df", "-i", "/"], ["--", "df", "-i", "/"]])
def test_options_of_a_remote_command_need_no_dashes(monkeypatch, words):
    executed = []
    monkeypatch.setattr(command_line.os, "execvp", lambda file, arguments: executed.append(arguments))
    done = CliRunner().invoke(command_line.cli, ["shell", "db1", *words])
    assert done.exit_code == 0, done.output
    assert executed[0][-4:] == ["root@10.77.0.21", "df", "-i", "/"]


def test_down_is_refused_during_a_drill(like_lab, monkeypatch):
    monkeypatch.setattr(core, "need_root", lambda: None)
    inventory = read(like_lab("drilled", "10.79.250"))
    with drill_lock.only_one(inventory):
        with pytest.raises(Problem, match=r"a drill is running on drilled \(process \d+ of .*UTC\): .*--force"):
            core.Lab(inventory).down(print)
        with pytest.raises(Problem, match="a drill is running on this cluster"), drill_lock.only_one(inventory):
            pass
    assert drill_lock.holder(inventory) is None


def test_a_failed_build_reports_its_first_error():
    lines = ["I: installing", "E: Unable to locate package haproxyy", "E: mmdebstrap failed to run", "E: exiting"]
    assert "(E: Unable to locate package haproxyy)" in str(image.explain(lines))
    assert "cannot be fetched (E: Failed to fetch x)" in str(image.explain(["E: Failed to fetch x", "E: apt failed"]))


def test_bare_hosts_have_what_ansible_needs():
    assert "python3-apt" in image.recipe("trixie", bare=True)["packages"].split(",")


# In a network namespace of its own: bridges there are nobody's.
FOREIGN_BRIDGE = """
import subprocess
from firedrill.inventories.errors import Problem
from firedrill.lab import network
mine = network.Network("mine", "fdmine", "10.79.251.1/24")
bridges = lambda: subprocess.run(["ip", "link", "show", "fdmine"], capture_output=True).returncode == 0
subprocess.run("ip link add fdmine type bridge && ip tuntap add dev port mode tap && ip link set port master fdmine",
               shell=True, check=True)
try:
    network.check(mine)
except Problem as problem:
    assert "fdmine exists and is not the bridge of the lab mine" in str(problem), problem
else:
    raise AssertionError("a foreign bridge was accepted")
network.down(mine)
assert bridges() and subprocess.run(["ip", "link", "show", "port"]).returncode == 0
subprocess.run(["ip", "link", "delete", "fdmine"], check=True)
network.up(mine)
network.check(mine)
network.up(mine)
network.down(mine)
assert not bridges()
"""


@pytest.mark.lab("hosts")
def test_a_foreign_bridge_is_refused_and_left_alone():
    command = ["unshare", "--net", sys.executable, "-c", FOREIGN_BRIDGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

"""Faults on real hosts: each bites, heals, and heals by itself when its controller is killed."""

import json
import re
import time
from collections.abc import Callable

import pytest

from firedrill.cluster import ssh
from firedrill.faults import ledger
from firedrill.inventories.read import read
from tests.faults.conftest import PATIENCE, start_controller, until, wait_for_step
from tests.labs import PASSWORD, USER, place

pytestmark = pytest.mark.lab("faults")
NAME, SUBNET = place("faults")


@pytest.fixture(scope="module")
def inventory(like_lab, lab_up):
    with lab_up(like_lab(NAME, SUBNET, only=("etcd1", "db1"), data=USER)) as file:
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


@pytest.mark.parametrize("fault", ["power_cut", "poweroff"])
def test_power_faults_bite_and_heal(faults, command, inventory, fault):
    done = faults("inject", fault, "db1")
    assert done.returncode == 0, done.stderr
    assert "effective: db1 no longer answers SSH" in done.stderr
    if fault == "poweroff":  # in order: sshd ends before the host does
        until(lambda: state(command, inventory) == "off", 30)
    assert state(command, inventory) == "off"
    rows = json.loads(faults("status", "--json").stdout)["active"]
    assert [(row["fault"], row["host"], row["status"]) for row in rows] == [(fault, "db1", "off: does not answer SSH")]
    healed = faults("heal", rows[0]["id"])
    assert "rebooted, no failed unit" in healed.stderr
    until(lambda: state(command, inventory) == "running", 30)
    assert json.loads(faults("status", "--json").stdout)["active"] == []


def test_a_power_cut_heals_by_itself_when_the_controller_is_gone(faults, command, inventory):
    assert faults("inject", "power_cut", "db1", "--for", "15s").returncode == 0
    assert state(command, inventory) == "off"
    until(lambda: state(command, inventory) == "running", 45)
    until(lambda: json.loads(faults("status", "--json").stdout)["active"] == [], 15)


@pytest.mark.parametrize("step", ["deadman", "recorded", "ready", "injected", "effective"])
def test_a_power_cut_heals_by_itself_at_whatever_step_its_controller_is_killed(command, inventory, step):
    child = start_controller(inventory, [["power_cut", {}, "db1", 8]], step)
    with child:
        try:
            wait_for_step(child, step)
            assert state(command, inventory) == ("off" if step in ("injected", "effective") else "running")
            assert len(ledger.entries(read(inventory))) == (step != "deadman")
        finally:
            child.kill()
    until(lambda: ledger.entries(read(inventory)) == [], 45)
    until(lambda: state(command, inventory) == "running", 30)


def with_data(inventory, name: str, **data):
    """The same hosts under an inventory with other data."""
    file = inventory.with_name(f"{NAME}_{name}.py")
    file.write_text(f"{inventory.read_text()}\nfor _host in all[0]:\n    _host[1].update({data!r})\n")
    return file


def with_power(inventory, name: str, verb: str, command: str, **data):
    """The same hosts under an inventory with another power command."""
    text = inventory.read_text().replace(f"lab -i {{inventory}} {verb} {{name}}", command)
    file = inventory.with_name(f"{NAME}_{name}.py")
    file.write_text(f"{text}\nfor _host in all[0]:\n    _host[1].update({data!r})\n")
    return file


def test_a_power_command_that_acts_after_it_returned_is_dated_when_it_acts(command, inventory, faults, shell):
    late = with_power(inventory, "late", "cut", "sh -c '(sleep 7; lab -i {inventory} cut {name}) >/dev/null 2>&1 &'")
    began = time.time()
    done = command("faults", "-i", late, "inject", "power_cut", "db1", "--unsteady", "--json")
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads(done.stdout)
    assert entry["proven"] and 5 < entry["struck"] - began < 7 + 10 * PATIENCE
    assert abs(entry["until"] - entry["struck"] - 120) < 0.1
    assert command("faults", "-i", late, "heal", "--all").returncode == 0
    assert state(command, inventory) == "running"


def test_a_pause_that_takes_longer_than_its_limit_leaves_no_host_frozen(command, inventory):
    slow = with_power(inventory, "slow", "pause", "sh -c 'sleep 6; lab -i {inventory} pause {name}'")
    done = command("faults", "-i", slow, "inject", "pause", "db1", "--for", "4s", "--unsteady")
    assert done.returncode == 0, done.stderr
    until(lambda: ledger.entries(read(slow)) == [], 20)
    until(lambda: state(command, inventory) == "running", 20)


def test_a_power_command_that_does_nothing_is_not_effective(command, inventory):
    liar = with_power(inventory, "liar", "cut", "true", power_seconds=3)
    done = command("faults", "-i", liar, "inject", "power_cut", "db1", "--unsteady")
    assert done.returncode == 2
    assert "not_effective: db1 still answers SSH after 5 s" in done.stderr
    assert "never went down" in done.stderr
    assert ledger.entries(read(liar)) == []


def test_kill_bites_and_heals(faults, shell):
    shell("systemd-run --unit=victim --property=Restart=always --property=RestartSec=100ms sleep 9999")
    before = shell("systemctl show -P MainPID victim")
    done = faults("inject", "kill", "db1", "--process", "victim.service")
    assert done.returncode == 0, done.stderr
    assert f"(pid {before}) is gone" in done.stderr
    assert "faults-" in shell("systemctl list-timers --no-legend")
    healed = faults("heal", "--all")
    assert "runs again" in healed.stderr
    assert shell("systemctl show -P MainPID victim") not in (before, "0")
    assert "faults-" not in shell("systemctl list-timers --no-legend; ls /var/lib/faults")


@pytest.mark.parametrize("unit", [
    "ssh", "ssh.socket", "systemd-logind", "dbus", "systemd-networkd", "sysinit.target", "system.slice", "-.mount",
    "multi-user.target",
])  # fmt: skip
@pytest.mark.parametrize("fault", ["stop_service", "freeze", "kill"])
def test_what_ssh_and_the_undo_depend_on_is_refused(faults, shell, fault, unit):
    """By systemd's own dependencies; a unit that does not run is refused as well."""
    done = faults("inject", fault, "db1", "--process", unit)
    assert done.returncode == 2
    why = r"depends? on|is not a service|is not a unit name|no process|runs no|is inactive"
    assert re.search(why, done.stderr), done.stderr
    assert "effective" not in done.stderr
    assert shell("ls /var/lib/faults") == ""


def test_kill_refuses_what_does_not_run(faults):
    done = faults("inject", "kill", "db1", "--process", "app")
    assert done.returncode == 2
    assert "db1 runs no app: it has postgres" in done.stderr


def test_a_cluster_that_is_not_whole_is_left_alone(command, inventory):
    done = command("faults", "-i", inventory, "inject", "power_cut", "db1")
    assert done.returncode == 2
    assert "the cluster is not in its steady state (db1: " in done.stderr
    assert "add `--unsteady` to continue anyway" in done.stderr
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


REFUSED = {
    "no_sudo": ({"sudo": False}, "the SSH user drill is not root, and faults need root"),
    "wrong_password": ({"sudo": {"password": "wrong"}}, "sudo refuses the password of drill"),
    "no_password": ({"sudo": True}, "sudo asks for the password of drill"),
    "root": ({"ssh_user": "root", "sudo": False}, "refuses the SSH login of root"),
    "port": ({"ssh_port": 2222}, "does not answer SSH"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_who_cannot_become_root_is_refused_before_anything_is_written(command, inventory, shell, case):
    data, cause = REFUSED[case]
    file = with_data(inventory, case, **data)
    before = shell("ls /var/lib/faults /etc/systemd/system")
    done = command("faults", "-i", file, "inject", "kill", "db1", "--unsteady")
    assert done.returncode == 2
    assert cause in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert shell("ls /var/lib/faults /etc/systemd/system") == before
    assert ledger.entries(read(file)) == []


@pytest.mark.parametrize("fault", ["partition", "pause"])
def test_an_ordinary_user_cuts_a_host_off_or_pauses_it_and_heals_it(faults, command, inventory, fault):
    """sudo drops SSH_CONNECTION: the controller is exempt all the same, or nothing could heal it."""
    done = faults("inject", fault, "db1")
    assert done.returncode == 0, done.stderr
    assert "effective" in done.stderr
    if fault == "partition":
        rules = command("lab", "-i", inventory, "shell", "db1", "--", "iptables-save; nft list ruleset").stdout
        assert re.search(rf"{re.escape(SUBNET)}\.1(/32)? ", rules), "the controller's address is exempt"
    healed = faults("heal", "--all")
    assert healed.returncode == 0, healed.stderr
    assert json.loads(faults("status", "--json").stdout)["active"] == []


LOOK = """\
import os
from pathlib import Path
wanted = bytes.fromhex("{coded}")
files = [found for name in ("cmdline", "environ") for found in Path("/proc").glob(f"[0-9]*/{{name}}")]
for folder in ("/etc", "/root", "/home", "/tmp", "/var/log", "/var/tmp", "/var/lib/faults", "/run"):
    files += [Path(where) / name for where, _, names in os.walk(folder) for name in names]
for file in files:
    try:
        if file.is_file() and wanted in file.read_bytes():
            print(file)
    except OSError:
        pass
"""


def test_the_password_for_sudo_is_nowhere_on_the_host(faults, shell):
    assert faults("inject", "partition", "db1").returncode == 0
    assert shell(f"python3 -c '{LOOK.format(coded=PASSWORD.encode().hex())}'; echo looked") == "looked"
    assert faults("heal", "--all").returncode == 0


BEHIND = """\
Host {subnet}.21
  ProxyJump {subnet}.11
Host {subnet}.11
  User drill
  IdentityFile /var/lib/firedrill/{name}/ssh_key
  UserKnownHostsFile /var/lib/firedrill/{name}/known_hosts
"""
# Only the jump host reaches db1's SSH port.
WALL = (
    "nft 'add table ip wall; add chain ip wall in {{ type filter hook input priority 0; }}; "
    "add rule ip wall in tcp dport 22 ip saddr != {subnet}.11 drop'"
)


@pytest.fixture
def behind(inventory, shell):
    """The same hosts; db1 is reached through etcd1 alone."""
    config = inventory.with_name("ssh_config")
    config.write_text(BEHIND.format(subnet=SUBNET, name=NAME))
    shell(WALL.format(subnet=SUBNET))
    file = with_data(inventory, "behind", ssh_config_file=str(config))
    yield file
    with ssh.connect(read(file)["db1"]) as connection:
        ssh.sh(connection, "nft delete table ip wall", check=False)


def test_a_host_behind_a_jump_host_is_struck_watched_and_healed(behind, inventory, command):
    def faults(*words: str, file=behind):
        return command("faults", "-i", file, *words)

    assert "does not answer SSH" in faults("inject", "kill", "db1", "--unsteady", file=inventory).stderr
    seen = command("pyinfra", "--limit", "db1", behind, "exec", "--", "hostname")
    assert seen.returncode == 0, seen.stderr
    done = faults("inject", "command", "db1", *MARK, "--unsteady")
    assert done.returncode == 0, done.stderr
    assert faults("heal", "--all").returncode == 0
    done = faults("inject", "power_cut", "db1", "--unsteady")
    assert "effective: db1 no longer answers SSH" in done.stderr, done.stderr
    healed = faults("heal", "--all")
    assert "rebooted, no failed unit" in healed.stderr


def test_a_jump_host_that_is_down_is_the_cause_and_nothing_is_done(behind, inventory, command):
    assert command("lab", "-i", inventory, "pause", "etcd1").returncode == 0
    try:
        done = command("faults", "-i", behind, "inject", "power_cut", "db1", "--unsteady")
        assert done.returncode == 2
        assert f"no SSH login at the jump host drill@{SUBNET}.11" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert ledger.entries(read(behind)) == []
        assert state(command, inventory) != "off"
    finally:
        command("lab", "-i", inventory, "resume", "etcd1")

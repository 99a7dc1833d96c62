"""A host's power button, out of band: the inventory's commands, since a dead host answers no SSH."""

import os
import re
import shlex
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from fabric import Connection

from firedrill.cluster import ssh
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, poll
from firedrill.inventories.errors import Problem

OFF_SECONDS = 60
ON_SECONDS = 120
COMMAND_SECONDS = 120


def has(target: Target, verb: str) -> bool:
    """Whether the inventory names the command."""
    return bool(target.host.data.get("power", {}).get(verb))


def command(target: Target, verb: str) -> str:
    """The inventory's command for `power_on`, `power_off`, `pause` or `resume`. Raises Refused without one."""
    text = target.host.data.get("power", {}).get(verb)
    if not text:
        raise Refused(f"{target.host.name} has no `{verb}` command", "give it one in the inventory's `power`")
    words = {"name": target.host.name, "address": target.host.address, "inventory": str(target.access.inventory.path)}
    return text.format(**words)


def press(target: Target, verb: str) -> int:
    """Run the command on this machine; return when it acted, in ns UTC. Raises Problem when it fails."""
    button = Press(target, verb)
    button.go()
    return button.done()


class Press:
    """One of the inventory's power commands, run on this machine: a Strike.

    A command that prints the UTC time of its deed (as `lab cut` does) is believed; otherwise it is when it was started.
    """

    def __init__(self, target: Target, verb: str) -> None:
        self.host = target.host.name
        self.text = command(target, verb)
        self._began = 0
        self._child: subprocess.Popen[str] | None = None

    def go(self) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self._began = time.time_ns()
        self._child = subprocess.Popen(
            shlex.split(self.text), text=True, env=os.environ | {"PATH": path},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def done(self) -> int:
        assert self._child, "it was let go first"
        try:
            out, err = self._child.communicate(timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
            raise Problem(f"{self.host}: `{self.text}` goes on after {COMMAND_SECONDS} s", "try it by hand") from None
        if code := self._child.returncode:
            said = (err.strip() or out.strip() or f"exit {code}").splitlines()[-1]
            raise Problem(f"{self.host}: `{self.text}` failed ({said})", "try it by hand")
        moment = _printed_moment(out)
        return moment if moment and self._began <= moment <= time.time_ns() else self._began


class OutOfBand:
    """A fault that the host cannot undo itself: a process at the controller presses the button at the limit."""

    heals_itself_on_host: ClassVar[bool] = False
    may_lock_out: ClassVar[bool] = False

    def snapshot(self, target: Target) -> dict[str, Any]:
        return snapshot(target)

    def arm(self, target: Target, journal: dict[str, Any]) -> None:
        return

    def heal(self, target: Target) -> str:
        return power_on(target)

    def status(self, target: Target) -> str:
        return describe(target)


def _printed_moment(text: str) -> int | None:
    found = re.search(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", text)
    if not found:
        return None
    seconds = datetime.fromisoformat(f"{found[1]}+00:00").timestamp()
    return int(seconds) * 10**9 + int(found[2])


def boot_mark(connection: Connection) -> str:
    """A text that differs after each boot, in containers too, which share a boot id: when PID 1 began."""
    return ssh.sh(connection, "cat /proc/sys/kernel/random/boot_id; cut -d' ' -f22 /proc/1/stat").replace("\n", " ")


def prove_off(target: Target, seconds: float = OFF_SECONDS) -> str:
    """Wait until the host is silent. Raises NotEffective."""
    try:
        took = ssh.wait(target.host, up=False, seconds=seconds)
    except TimeoutError as error:
        raise NotEffective(str(error), "does its command do what it says?") from None
    return f"{target.host.name} no longer answers SSH ({took * 1000:.0f} ms after the command returned)"


def prove_anew(target: Target, seconds: float) -> str:
    """Silent, or up already with another boot: a fast host may come back between two looks. Raises NotEffective."""
    if not poll(lambda: ssh.silent(target.host) is not None or _booted(target), seconds):
        raise NotEffective(f"{target.host.name} runs on after {seconds:g} s", "")
    return f"{target.host.name} went down"


def _booted(target: Target) -> bool:
    try:
        with ssh.connect(target.host) as connection:
            return boot_mark(connection) != target.before["boot"]
    except ssh.Unreachable:
        return False  # it went down just now, or is busy: the next look tells


def power_on(target: Target) -> str:
    """Switch the host on unless it answers, and prove it clean as `wait_on` does."""
    if not ssh.answers(target.host):
        press(target, "power_on")
    return wait_on(target)


def wait_on(target: Target) -> str:
    """Wait for the host, and prove that no unit failed since; say whether it booted. Raises NotClean."""
    try:
        took = ssh.wait(target.host, up=True, seconds=ON_SECONDS)
    except TimeoutError as error:
        raise NotClean(str(error), "look at its console") from None
    with ssh.connect(target.host) as connection:
        how = prove_clean(target, connection)
    return f"{target.host.name} {how} and answers SSH (waited {took:.1f} s), no failed unit"


def prove_clean(target: Target, connection: Connection) -> str:
    """No unit failed since; say whether it booted. Raises NotClean."""
    if new := sorted(set(failed_units(connection)) - set(target.before.get("failed", []))):
        raise NotClean(f"{target.host.name}: failed units: {', '.join(new)}", "look at their journal")
    anew = boot_mark(connection) != target.before.get("boot")
    return "booted anew" if anew else "never went down"


def failed_units(connection: Connection) -> list[str]:
    """The names of the systemd units in state failed."""
    shown = ssh.sh(connection, "systemctl list-units --failed --plain --no-legend")
    return [line.split()[0] for line in shown.splitlines()]


def describe(target: Target) -> str:
    """Whether the host answers, in words."""
    return "on: answers SSH" if ssh.answers(target.host) else "off: does not answer SSH"


def snapshot(target: Target) -> dict:
    """What `power_on` compares with later."""
    if target.connection is None:
        raise Refused(f"{target.host.name} does not answer SSH", "a host that is off already cannot lose its power")
    return {"boot": boot_mark(target.connection), "failed": failed_units(target.connection)}

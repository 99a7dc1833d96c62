"""A host's power, out of band: by the inventory's commands, since a dead host answers no SSH."""

import os
import re
import shlex
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from fabric import Connection

from firedrill.cluster import clock, ssh
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, poll
from firedrill.inventories.errors import Problem

OFF_SECONDS = 60
ON_SECONDS = 120
COMMAND_SECONDS = 120
STILL_SECONDS = 1


def has(target: Target, verb: str) -> bool:
    """Whether the inventory has the command."""
    return bool(_known(target, verb))


def _known(target: Target, verb: str) -> str:
    return str((target.host.data.get("power") or {}).get(verb) or "")


def command(target: Target, verb: str) -> str:
    """The inventory's command for `power_on`, `power_off`, `pause` or `resume`. Raises Refused without one."""
    text = _known(target, verb)
    if not text:
        raise Refused(f"{target.host.name} has no `{verb}` command", "give it one in the inventory's `power`")
    words = {"name": target.host.name, "address": target.host.address, "inventory": str(target.access.inventory.path)}
    try:
        return text.format(**words)
    except (LookupError, ValueError, AttributeError) as error:
        raise Refused(
            f"{target.host.name}: its `{verb}` command has a placeholder that does not exist ({error!r})",
            f"take {', '.join(f'{{{word}}}' for word in words)}",
        ) from None


def press(target: Target, verb: str) -> int:
    """Run the command on this machine; return when it acted, in ns UTC. Raises Problem if it fails."""
    button = Press(target, verb)
    button.go()
    return button.done()


class Press:
    """One of the inventory's power commands, run on this machine: a Trigger.

    It acted at the UTC time that it prints (as `lab cut` does); if it prints none, when it was started.
    """

    def __init__(self, target: Target, verb: str) -> None:
        self.host = target.host.name
        self.text = command(target, verb)
        self._began = 0
        self._child: subprocess.Popen[str] | None = None

    def go(self) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self._began = clock.now()
        self._child = subprocess.Popen(
            shlex.split(self.text), text=True, env=os.environ | {"PATH": path},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def done(self) -> int:
        assert self._child, "go comes first"
        try:
            out, err = self._child.communicate(timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
            raise Problem(
                f"{self.host}: `{self.text}` still runs after {COMMAND_SECONDS} s", "try it by hand"
            ) from None
        if code := self._child.returncode:
            message = (err.strip() or out.strip() or f"exit {code}").splitlines()[-1]
            raise Problem(f"{self.host}: `{self.text}` failed ({message})", "try it by hand")
        moment = _printed_moment(out)
        moment = clock.of_wall(moment) if moment else 0
        return moment if self._began <= moment <= clock.now() else self._began


class OutOfBand:
    """A fault that the host cannot undo itself: a process at the controller runs the command at the limit."""

    heals_itself_on_host: ClassVar[bool] = False
    may_lock_out: ClassVar[bool] = False

    def check(self) -> None:
        """Raise Refused where the options alone are wrong."""

    def snapshot(self, target: Target) -> dict[str, Any]:
        return snapshot(target)

    def arm(self, target: Target, journal: dict[str, Any]) -> None:
        """The engine has started the process that heals."""

    def still(self, target: Target) -> str | None:
        return still_silent(target)

    def heal(self, target: Target) -> str:
        return power_on(target)

    def status(self, target: Target) -> str:
        return describe(target)


def _printed_moment(text: str) -> int | None:
    found = re.search(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", text, re.ASCII)
    if not found:
        return None
    try:
        seconds = datetime.fromisoformat(f"{found[1]}+00:00").timestamp()
    except ValueError:
        return None
    return int(seconds) * 10**9 + int(found[2])


def boot_mark(connection: Connection) -> str:
    """A text that differs after each boot, in containers too, which share a boot id: when PID 1 began."""
    shown: str = ssh.sh(connection, "cat /proc/sys/kernel/random/boot_id; cut -d' ' -f22 /proc/1/stat")
    return shown.replace("\n", " ")


def prove_off(target: Target, seconds: float = OFF_SECONDS) -> str:
    """Wait until the host does not answer SSH. Raises NotEffective."""
    try:
        took = ssh.wait(target.host, up=False, seconds=seconds)
    except TimeoutError as error:
        raise NotEffective(str(error), "does its command work?") from None
    return f"{target.host.name} no longer answers SSH ({took * 1000:.0f} ms after the command returned)"


def still_silent(target: Target) -> str:
    """One look: the host does not answer. Raises NotEffective."""
    if ssh.answers(target.host, STILL_SECONDS):
        raise NotEffective(f"{target.host.name} answers SSH again", "did something else switch it on?")
    return f"{target.host.name} does not answer SSH"


def prove_rebooted(target: Target, seconds: float) -> str:
    """Silent, or up already after another boot: a fast host may reboot between two checks. Raises NotEffective."""
    if not poll(lambda: ssh.silent(target.host) is not None or _booted(target), seconds):
        raise NotEffective(f"{target.host.name} still runs after {seconds:g} s", "")
    return f"{target.host.name} went down"


def _booted(target: Target) -> bool:
    try:
        with ssh.connect(target.host) as connection:
            return bool(boot_mark(connection) != target.before["boot"])
    except ssh.Unreachable:
        return False  # it went down just now, or is busy: the next check tells


def power_on(target: Target) -> str:
    """Switch the host on unless it answers, and prove it clean as `wait_on` does. Raises NotClean."""
    if not ssh.answers(target.host):
        press(target, "power_on")
    return wait_on(target)


def wait_on(target: Target) -> str:
    """Wait for the host; return whether it booted, and the proof that no unit failed then. Raises NotClean."""
    try:
        took = ssh.wait(target.host, up=True, seconds=ON_SECONDS)
    except TimeoutError as error:
        raise NotClean(str(error), "look at its console") from None
    with ssh.connect(target.host) as connection:
        how = prove_clean(target, connection)
    return f"{target.host.name} answers SSH (waited {took:.1f} s), {how}"


def prove_clean(target: Target, connection: Connection) -> str:
    """Whether it booted, in words, and that no unit failed at that boot. Raises NotClean.

    On a host that did not boot, a unit that failed is none of the fault's.
    """
    new = ", ".join(sorted(set(failed_units(connection)) - set(target.before.get("failed", []))))
    if boot_mark(connection) == target.before.get("boot"):
        return f"never went down{f'; changed meanwhile, not by this fault: failed {new}' if new else ''}"
    if new:
        raise NotClean(f"{target.host.name}: failed units since its boot: {new}", "look at their journal")
    return "rebooted, no failed unit"


def failed_units(connection: Connection) -> list[str]:
    """The names of the systemd units in state failed."""
    shown = ssh.sh(connection, "systemctl list-units --failed --plain --no-legend")
    return [line.split()[0] for line in shown.splitlines() if line.strip()]


def describe(target: Target) -> str:
    """Whether the host answers, in words."""
    return "on: answers SSH" if ssh.answers(target.host) else "off: does not answer SSH"


def snapshot(target: Target) -> dict[str, Any]:
    """What `power_on` compares with later."""
    if target.connection is None:
        raise Refused(f"{target.host.name} does not answer SSH", "a host that is off cannot lose its power")
    return {"boot": boot_mark(target.connection), "failed": failed_units(target.connection)}

"""The inventory's power commands, run on this machine: a host without power answers no SSH.

A command may return before it acts: clouds and BMCs only accept it. The inventory says how long that takes at most
(`power_seconds`); until then no host is called clean.
"""

import contextlib
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

from firedrill.cluster import clock, ssh
from firedrill.faults.protocol import Refused, Target
from firedrill.inventories.errors import Problem

COMMAND_SECONDS = 120
MOST_SECONDS = 600
LOOK_S = 0.05


def has(target: Target, verb: str) -> bool:
    """Whether the inventory has the command."""
    return bool(_known(target, verb))


def _known(target: Target, verb: str) -> str:
    return target.host.power.get(verb, "")


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
            f"use {', '.join(f'{{{word}}}' for word in words)}",
        ) from None


def press(target: Target, verb: str) -> int:
    """Run the command on this machine; return when it acted, in ns UTC. Raises Problem if it fails."""
    button = Press(target, verb)
    button.go()
    return button.done()


def seconds(target: Target) -> float:
    """How long a power command of this host may take to act, by its inventory. Raises Refused."""
    found = target.host.data.get("power_seconds")
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= MOST_SECONDS:
        raise Refused(f"{target.host.name}: `power_seconds` is {found!r}", f"give 0 to {MOST_SECONDS} in the inventory")
    return found


class Press:
    """One of the inventory's power commands: a Trigger. It acted at the UTC time that it prints; else when it began."""

    def __init__(self, target: Target, verb: str) -> None:
        self.host = target.host.name
        self.target = target
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
        out = self._output()
        moment = _printed_moment(out)
        moment = clock.of_wall(moment) if moment else 0
        return moment if self._began <= moment <= clock.now() else self._moment()

    def _moment(self) -> int:
        """When it acted, where it prints no time."""
        return self._began

    def _output(self) -> str:
        """What the command printed in the end. Raises Problem if it fails."""
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
        return out


class Strike(Press):
    """A power command that silences the host. Where it prints no time, it acted when the host fell silent.

    That is at most `power_seconds` after the command returned; a host that is not silent by then was not hit.
    """

    def __init__(self, target: Target, verb: str) -> None:
        super().__init__(target, verb)
        self._answered = 0  # the last moment at which the host answered
        self._silent = threading.Event()
        self._over = threading.Event()

    def go(self) -> None:
        super().go()
        threading.Thread(target=self._watch, name="power", daemon=True).start()

    def _watch(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(ssh.JumpDown):  # nothing is known meanwhile
                if ssh.silent(self.target.host) is not None:
                    self._silent.set()
                    return
                self._answered = clock.now()
            time.sleep(LOOK_S)

    def done(self) -> int:
        try:
            return super().done()
        finally:
            self._over.set()

    def _moment(self) -> int:
        self._silent.wait(seconds(self.target) + ssh.SURE_SECONDS)
        return max(self._began, self._answered) if self._silent.is_set() else self._began


def _printed_moment(text: str) -> int | None:
    found = re.search(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", text, re.ASCII)
    if not found:
        return None
    try:
        seconds = datetime.fromisoformat(f"{found[1]}+00:00").timestamp()
    except ValueError:
        return None
    return int(seconds) * 10**9 + int(found[2])

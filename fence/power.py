"""Power off a host through its power device. What counts is the state that the device reports afterwards.

`status` and `off` are programs with arguments on the judges' hosts. `status` prints a line that ends with on or off,
as ipmitool and the fence agents do. Each has a deadline; after it, it is killed with all that it started.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from firedrill.fence.decision import OFF, Refused, powered_off

STATUS_S = 2.0
POLL_S = 0.1
STATES = ("on", OFF)

Run = Callable[[Sequence[str], float], tuple[int, str]]


def run(command: Sequence[str], seconds: float) -> tuple[int, str]:
    """The exit code and standard output of a program. Raises OSError, and TimeoutError after so many seconds."""
    with subprocess.Popen(
        list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True,
    ) as started:  # fmt: skip
        try:
            output, _ = started.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)
            raise TimeoutError(f"no answer within {seconds:.1f} s") from None
    return started.returncode, output


class Device:
    """The power device of the databases' hosts."""

    def __init__(self, commands: Mapping[str, Sequence[str]], seconds: float, run: Run = run) -> None:
        self._commands, self._seconds, self._run = commands, seconds, run

    def off(self, name: str, address: str) -> Refused | None:
        """Power off this host. None if the device then reports that it is off; nothing else counts."""
        ends = time.monotonic() + self._seconds
        before = self._status(name, address, ends)
        if powered_off(before, None) is None:
            return None
        if before not in STATES:
            return powered_off(before, None)
        failed = self._switch(name, address, ends)
        after = self._status(name, address, ends)
        while after != OFF and not failed and time.monotonic() < ends:
            time.sleep(POLL_S)
            again = self._status(name, address, ends)
            after = again if again in STATES else after  # the last one is cut short by the deadline
        return powered_off(before, after if not failed or after == OFF else f"{after} ({failed})")

    def _status(self, name: str, address: str, ends: float) -> str:
        try:
            code, output = self._do("status", name, address, min(STATUS_S, ends - time.monotonic()))
        except OSError as error:
            return f"an error: {error}"
        words = output.split()
        last = words[-1].lower().strip(".") if words else ""
        return last if not code and last in STATES else f"nothing that is on or off (exit code {code})"

    def _switch(self, name: str, address: str, ends: float) -> str | None:
        try:
            code, _ = self._do("off", name, address, ends - time.monotonic() - STATUS_S / 2)
        except OSError as error:
            return f"the command failed: {error}"
        return f"the command ended with exit code {code}" if code else None

    def _do(self, what: str, name: str, address: str, seconds: float) -> tuple[int, str]:
        command = [part.replace("{name}", name).replace("{address}", address) for part in self._commands[what]]
        return self._run(command, max(0.1, seconds))

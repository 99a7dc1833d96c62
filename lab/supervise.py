"""Start a host in its cgroup so that it survives this process, and restarts after a reboot."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from firedrill.lab import cgroups
from firedrill.lab.guest import Guest

SECONDS = 30
SCRIPT = Path(__file__).with_name("supervise.sh")


def start(guest: Guest, command: Sequence[str], **environment: str) -> None:
    """Run the command under supervise.sh, with its output in the host's console.log.

    Returns when the supervisor is in the host's cgroup; before that, the host would look dead.
    """
    groups = [str(group) for group in cgroups.folders(guest.lab, guest.name)]
    with open(guest.folder / "console.log", "ab") as console:
        child = subprocess.Popen(
            ["sh", str(SCRIPT), *groups, "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
            env=os.environ | environment,
        )
    deadline = time.monotonic() + SECONDS
    while not guest.processes and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)

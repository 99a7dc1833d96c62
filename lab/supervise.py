"""Start a host's own process so that it outlives us, in its cgroup, and comes back after a reboot."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab import cgroups
from lab.guest import Guest

SCRIPT = Path(__file__).with_name("supervise.sh")


def start(guest: Guest, command: Sequence[str], **environment: str) -> None:
    """Run the command under supervise.sh and return at once; its output goes to the host's console.log."""
    groups = [str(group) for group in cgroups.folders(guest.lab, guest.name)]
    with open(guest.folder / "console.log", "ab") as console:
        subprocess.Popen(
            ["sh", str(SCRIPT), *groups, "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
            env=os.environ | environment,
        )

"""A process at the controller that heals at the limit: a host without power cannot hold its own undo."""

import os
import signal
import subprocess
from pathlib import Path

from firedrill import package
from firedrill.cluster import clock
from firedrill.faults.ledger import Entry

# Those that this process started, so that they are reaped if they are not needed after all.
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


def start(entry: Entry) -> int:
    """Start it, and return its process id. It outlives this process."""
    wait = max(0.0, entry.until - clock.wall_s())
    heal = ("-i", entry.inventory, "heal", entry.id, "--after", f"{wait:.1f}")
    command, environment, quiet = package.command("firedrill.faults", *heal), package.environment(), subprocess.DEVNULL
    child = subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    _CHILDREN[child.pid] = child
    return child.pid


def stop(entry: Entry) -> None:
    """End it: the injection is healed. Only our own child, or a process that heals this injection, is killed."""
    if entry.deadman is None or entry.deadman == os.getpid():
        return
    if child := _CHILDREN.pop(entry.deadman, None):
        child.kill()
        child.wait()
        return
    try:
        words = Path(f"/proc/{entry.deadman}/cmdline").read_bytes().split(b"\0")
        if entry.id.encode() in words and b"--after" in words:
            os.kill(entry.deadman, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        pass

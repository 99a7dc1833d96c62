"""A process at the controller that heals at the limit: a host without power cannot hold its own undo.

The limit counts from the moment at which the fault took effect. Until then, while the process that injects it is alive,
its power command may still be on its way: healing now would be in vain.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

from firedrill import package
from firedrill.cluster import clock
from firedrill.faults import ledger
from firedrill.faults.ledger import Entry
from firedrill.faults.power import press
from firedrill.inventories.read import Inventory

MOST_PENDING_S = press.COMMAND_SECONDS + press.MOST_SECONDS
STEP_S = 0.2

# Those that this process started, so that they are reaped if they are not needed after all.
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


def start(entry: Entry) -> int:
    """Start it, and return its process id. It outlives this process."""
    wait = max(0.0, entry.until - clock.wall_s())
    heal = ("-i", entry.inventory, "heal", entry.id, "--after", f"{wait:.1f}", "--controller", str(os.getpid()))
    command, environment, quiet = package.command("firedrill.faults", *heal), package.environment(), subprocess.DEVNULL
    child = subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    _CHILDREN[child.pid] = child
    return child.pid


def wait(inventory: Inventory, identity: str, seconds: float, controller: int) -> None:
    """Wait so long, or until the limit that the ledger has by then; `controller` is the process that started this one.

    The process waits for `controller` at most MOST_PENDING_S: one that is stopped strikes nothing.
    """
    began, until = time.monotonic(), clock.wall_s() + seconds
    time.sleep(max(0.0, seconds))
    while entry := ledger.find(inventory, identity):
        later = min(max(0.0, entry.until - until), MOST_PENDING_S)
        pending = entry.struck is None and os.getppid() == controller
        if time.monotonic() >= began + seconds + (MOST_PENDING_S if pending else later):
            return
        time.sleep(STEP_S)


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

"""Kernel settings that hosts need: raised by the first lab that comes up, restored by the last that goes down.

The systemd of each host holds four or five inotify instances, and the limit is per machine: with the default of 128,
some thirty hosts can run, and the systemd of the next one ends without a message.
"""

import contextlib
import json
from pathlib import Path

PROC = Path("/proc/sys")
IP_FORWARD = "net/ipv4/ip_forward"
AT_LEAST = {IP_FORWARD: 1, "fs/inotify/max_user_instances": 1024}


def up(memory: Path) -> None:
    """Raise what is too low; `memory` keeps the values to restore. Raises OSError if forwarding cannot be enabled."""
    if not memory.exists():
        memory.write_text(json.dumps({name: (PROC / name).read_text() for name in AT_LEAST}))
    for name, wanted in AT_LEAST.items():
        if int((PROC / name).read_text()) < wanted:
            # In a container the others may be read-only; a few hosts work without them.
            with contextlib.nullcontext() if name == IP_FORWARD else contextlib.suppress(OSError):
                (PROC / name).write_text(str(wanted))


def down(memory: Path) -> None:
    """Restore all of them."""
    if memory.exists():
        for name, before in json.loads(memory.read_text()).items():
            with contextlib.suppress(OSError):
                (PROC / name).write_text(before)
        memory.unlink()

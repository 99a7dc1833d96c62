"""The machine's settings that hosts need otherwise: changed by the first lab that comes up, put back by the last.

Each host's systemd holds four or five inotify instances, which the machine counts together: with the kernel's own limit
of 128 some thirty hosts can run, and the next one's systemd ends without a word.
"""

import contextlib
import json
from pathlib import Path

PROC = Path("/proc/sys")
IP_FORWARD = "net/ipv4/ip_forward"
AT_LEAST = {IP_FORWARD: 1, "fs/inotify/max_user_instances": 1024}


def up(memory: Path) -> None:
    """Raise what is too low; `memory` keeps what must be put back. OSError where hosts cannot be forwarded for."""
    if not memory.exists():
        memory.write_text(json.dumps({name: (PROC / name).read_text() for name in AT_LEAST}))
    for name, wanted in AT_LEAST.items():
        if int((PROC / name).read_text()) < wanted:
            # In a container of somebody's the rest may be read-only; a few hosts do without.
            with contextlib.nullcontext() if name == IP_FORWARD else contextlib.suppress(OSError):
                (PROC / name).write_text(str(wanted))


def down(memory: Path) -> None:
    """Put all back."""
    if memory.exists():
        for name, before in json.loads(memory.read_text()).items():
            with contextlib.suppress(OSError):
                (PROC / name).write_text(before)
        memory.unlink()

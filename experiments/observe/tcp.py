"""What TCP has to put up with on every host: segments sent again, and segments that came with a wrong checksum.

One SSH connection a host, opened before the load, over which a program says the kernel's counters once a second; faults
leave SSH alone. What is written are differences, so a word that comes late still counts all since the one before.
"""

import asyncio
import json
import shlex
import threading
import time
from typing import Any

from firedrill.cluster import ssh
from firedrill.experiments.observe.writer import Writer
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

SILENT_S = 5.0  # five words missed; a slow machine may miss two
PAUSE_S = 0.5
COUNTED = ("retransmits", "checksum_errors", "sent")
PROGRAM = """
import json, time

def tcp():
    with open("/proc/net/snmp") as file:
        names, values = (line.split()[1:] for line in file if line.startswith("Tcp:"))
    return dict(zip(names, map(int, values)))

with open("/proc/sys/kernel/random/boot_id") as one, open("/proc/1/stat") as two:
    boot = one.read().strip() + " " + two.read().split()[21]
while True:
    now = tcp()
    found = {"retransmits": now["RetransSegs"], "checksum_errors": now["InCsumErrors"], "sent": now["OutSegs"]}
    print(json.dumps(found | {"boot": boot}), flush=True)
    time.sleep(1)
"""


async def observe(access: Access, write: Writer) -> None:
    """Watch every host until cancelled. The client is a blocking one, so each host has a thread."""
    lock = threading.Lock()

    def say(**fields: Any) -> None:
        with lock:
            write("counters", **fields)

    for host in access.inventory.hosts:
        threading.Thread(target=_watch, args=(Counters(host, say),), daemon=True).start()
    await asyncio.Event().wait()


class Counters:
    """One host's counters, told as what was added since the last word, or since a boot in between."""

    def __init__(self, host: Host, say) -> None:
        self.host = host
        self._say = say
        self._at = 0
        self._last: dict[str, Any] = {}

    def seen(self, now: dict[str, Any]) -> None:
        t = time.time_ns()
        first = not self._last
        base = self._last if now["boot"] == self._last.get("boot") else dict.fromkeys(COUNTED, 0)
        added = {name: 0 if first else now[name] - base[name] for name in COUNTED}
        start = t if first else self._at
        self._say(host=self.host.name, t=t, start=start, reachable=True, **added, boot=now["boot"], error=None)
        self._at, self._last = t, now

    def unseen(self, error: str) -> None:
        nothing = dict.fromkeys((*COUNTED, "boot"))
        now = time.time_ns()
        self._say(host=self.host.name, t=now, start=now, reachable=False, **nothing, error=error)


def _watch(counters: Counters) -> None:
    """Listen; where the host falls silent say so, and connect again."""
    while True:
        try:
            if not ssh.answers(counters.host, 1):
                raise ssh.Unreachable(f"{counters.host.name} does not answer SSH", "")
            with ssh.connect(counters.host) as connection:
                running = ssh.Running(connection, f"python3 -c {shlex.quote(PROGRAM)}", seconds=SILENT_S)
                while line := running.line():
                    counters.seen(json.loads(line))
                raise ssh.Unreachable(f"{counters.host.name} broke off", "")
        except (Problem, *ssh.ERRORS, ValueError) as error:
            counters.unseen(str(error) or type(error).__name__)
            time.sleep(PAUSE_S)

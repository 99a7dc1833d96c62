"""The observer `tcp`: segments that every host retransmits, and segments that it received with a wrong checksum.

One SSH connection per host, opened before the load, over which a program prints the kernel's counters once a second;
faults leave SSH alone. Differences are recorded, so a late sample still counts everything since the one before.
"""

import json
import shlex
import threading
from collections.abc import Callable
from typing import Any

from firedrill.cluster import clock, ssh
from firedrill.cluster.observer import UNOBSERVED, Observer, Write, every_host
from firedrill.experiments.observe import threads
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

SILENT_S = 5.0  # five samples missed; a slow machine may miss two
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


async def observe(access: Access, write: Write) -> None:
    """Observe every host until cancelled. The client is a blocking one, so each host has a thread."""
    lock = threading.Lock()

    def record(kind: str = "counters", **fields: Any) -> None:
        with lock:
            write(kind, **fields)

    await threads.each([Counters(host, record) for host in access.inventory.hosts], _watch, PAUSE_S)


class Counters:
    """One host's counters, recorded as what was added since the last sample, or since a boot in between."""

    def __init__(self, host: Host, record: Callable[..., None]) -> None:
        self.host = host
        self._record = record
        self._at = 0
        self._last: dict[str, Any] = {}

    def sample(self, now: dict[str, Any]) -> None:
        t = clock.now()
        first = not self._last
        base = self._last if now["boot"] == self._last.get("boot") else dict.fromkeys(COUNTED, 0)
        added = {name: 0 if first else now[name] - base[name] for name in COUNTED}
        start = t if first else self._at
        self._record(host=self.host.name, t=t, start=start, reachable=True, **added, boot=now["boot"], error=None)
        self._at, self._last = t, now

    def kept_out(self, error: str) -> None:
        self._record(UNOBSERVED, host=self.host.name, error=error)

    def unreachable(self, error: str) -> None:
        nothing = dict.fromkeys((*COUNTED, "boot"))
        now = clock.now()
        self._record(host=self.host.name, t=now, start=now, reachable=False, **nothing, error=error)


def _watch(counters: Counters) -> None:
    """Record samples until the host falls silent; record that, too."""
    try:
        if not ssh.answers(counters.host, 1):
            raise ssh.Unreachable(f"{counters.host.name} does not answer SSH", "")
        with ssh.connect(counters.host) as connection:
            running = ssh.Running(connection, f"python3 -c {shlex.quote(PROGRAM)}", seconds=SILENT_S)
            while line := running.line():
                counters.sample(json.loads(line))
            raise ssh.Unreachable(f"{counters.host.name} closed the connection", "")
    except ssh.KEPT_OUT as error:
        counters.kept_out(str(error))
    except (Problem, *ssh.ERRORS, ValueError) as error:
        counters.unreachable(str(error) or type(error).__name__)


OBSERVER = Observer(
    name="tcp", interval_ms=2000, hosts=every_host, observe=observe, needed_for="TCP retransmits", on_request=True
)

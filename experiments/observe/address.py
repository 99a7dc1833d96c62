"""The observer `address`: whether each proxy holds the floating address, every 200 ms.

One SSH connection per proxy, over which a program prints what the kernel lists; it starts no process. A sample was
taken between `start` and `t`: `start` is the host's own clock, set against the sample that arrived fastest, so that a
slow network makes a sample less certain and never wrong.
"""

import json
import shlex
import threading
from collections.abc import Callable, Sequence
from typing import Any

from firedrill.cluster import clock, ssh
from firedrill.cluster.observer import UNOBSERVED, Event, Observer, Write
from firedrill.experiments.observe import threads
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

SILENT_S = 5.0
PAUSE_S = 0.5
# The kernel's local addresses: the IPv4 ones below `Local:`, the IPv6 ones as 32 hexadecimal digits.
PROGRAM = """
import ipaddress, json, re, sys, time

address = ipaddress.ip_address(sys.argv[1])
name, pattern = "/proc/net/fib_trie", rf"-- {re.escape(str(address))}\\n\\s+/32 host LOCAL"
if address.version == 6:
    name, pattern = "/proc/net/if_inet6", rf"(?m)^{address.packed.hex()} "
while True:
    at = time.monotonic_ns()
    with open(name) as file:
        print(json.dumps([at, bool(re.search(pattern, file.read()))]), flush=True)
    time.sleep(0.2)
"""


def proxies(access: Access) -> tuple[Host, ...]:
    """The hosts that may hold the floating address; none where there is no such address."""
    return access.inventory.role("proxy") if access.data.get("vip") else ()


async def observe(access: Access, write: Write) -> None:
    """Observe every proxy until cancelled. The client is a blocking one, so each host has a thread."""
    lock = threading.Lock()

    def record(kind: str = "holder", **fields: Any) -> None:
        with lock:
            write(kind, **fields)

    vip = str(access.data.get("vip"))
    await threads.each(proxies(access), lambda host: _watch(host, vip, record), PAUSE_S)


class Samples:
    """The samples of one connection, placed in the time of the run."""

    def __init__(self, host: Host, record: Callable[..., None]) -> None:
        self.host = host
        self._record = record
        self._offset: int | None = None  # the controller's clock minus the host's, by the fastest sample

    def sample(self, at: int, holds: bool) -> None:
        """Record one; `at` is the host's monotonic clock."""
        now = clock.now()
        self._offset = min(now - at, now - at if self._offset is None else self._offset)
        start = at + self._offset
        self._record(host=self.host.name, t=now, start=start, reachable=True, holds=holds, error=None)


def _unreachable(host: Host, record: Callable[..., None], error: str) -> None:
    now = clock.now()
    record(host=host.name, t=now, start=now, reachable=False, holds=None, error=error)


def _watch(host: Host, address: str, record: Callable[..., None]) -> None:
    """Record samples until the host falls silent; record that, too."""
    command = f"python3 -c {shlex.quote(PROGRAM)} {shlex.quote(address)}"
    try:
        if not ssh.answers(host, 1):
            raise ssh.Unreachable(f"{host.name} does not answer SSH", "")
        with ssh.connect(host) as connection:
            running, samples = ssh.Running(connection, command, seconds=SILENT_S), Samples(host, record)
            while line := running.line():
                at, holds = json.loads(line)
                samples.sample(int(at), bool(holds))
            raise ssh.Unreachable(f"{host.name} closed the connection", "")
    except ssh.KEPT_OUT as error:
        record(UNOBSERVED, host=host.name, error=str(error))
    except (Problem, *ssh.ERRORS, ValueError, TypeError) as error:
        _unreachable(host, record, str(error) or type(error).__name__)


def found(access: Access, events: Sequence[Event]) -> tuple[bool, str]:
    """Every proxy must be reachable, and exactly one hold the address."""
    last = {event["host"]: event for event in events}
    missing = [host.name for host in proxies(access) if not last.get(host.name, {}).get("reachable")]
    if missing:
        shown = (f"{name}: {last[name]['error'] if name in last else 'no sample'}" for name in missing)
        return False, "; ".join(shown)
    holders = [name for name, event in last.items() if event["holds"]]
    return len(holders) == 1, f"{' and '.join(holders) or 'nobody'} holds {access.data['vip']}"


OBSERVER = Observer(
    name="address",
    interval_ms=2000,  # a host that loses power is found silent after SILENT_S
    hosts=proxies,
    observe=observe,
    needed_for='who held the floating address; to do without it: `unobserved = ["address"]`',
    found=found,
    may_be_left_out=True,
)

"""Compare the hosts' clocks with the clock of the run, before and after.

A controller that its hypervisor paused does not notice: its monotonic clock stood still, too. The hosts' did not.
"""

import contextlib
from collections.abc import Callable

from firedrill.cluster import host_clock, ssh
from firedrill.cluster.each import each
from firedrill.experiments.run.opening import provider
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host


def compare(access: Access, record: Callable[..., None]) -> None:
    """Record the offset of each host that answers. Local hosts share the clock of this machine: they show nothing."""
    hosts = [host for host in access.inventory.hosts if provider(host) is None]
    for host, found in zip(hosts, each(_offset, hosts), strict=True):
        if found:
            ahead, error = (round(ns / 1e6, 3) for ns in found)
            record("host_clock", host=host.name, offset_ms=ahead, error_ms=error)


def _offset(host: Host) -> tuple[int, int] | None:
    with contextlib.suppress(Problem, ValueError, *ssh.ERRORS), ssh.connect(host) as connection:
        return host_clock.offset(connection)
    return None

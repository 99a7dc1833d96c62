"""The table of checks of hosts: each takes what was seen of all of them and yields findings. See docs/preflight.md."""

from collections.abc import Callable, Sequence

from firedrill.deploy.preflight import data, floating, system
from firedrill.deploy.preflight.finding import Finding
from firedrill.deploy.preflight.seen import Findings, Seen

CHECKS: tuple[Callable[[Sequence[Seen]], Findings], ...] = (
    system.root,
    system.release,
    system.systemd,
    system.identity,
    system.clock,
    system.sessions,
    system.device,
    data.ports,
    data.packages,
    data.disks,
    data.fsync,
    data.foreign_data,
    data.system_identifiers,
    data.encryption,
    data.another_ca,
    floating.floating,
    floating.advertisements,
)


def check(all_seen: Sequence[Seen]) -> list[Finding]:
    """Everything that is wrong with the hosts."""
    return [finding for one in CHECKS for finding in one(all_seen)]

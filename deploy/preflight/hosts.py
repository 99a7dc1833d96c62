"""The table of checks of hosts: each takes what was seen of all of them and yields findings. See docs/preflight.md."""

from collections.abc import Callable, Sequence

from firedrill.deploy.preflight import data, fence, floating, releases, system
from firedrill.deploy.preflight.finding import Finding
from firedrill.deploy.preflight.seen import Findings, Seen

CHECKS: tuple[Callable[[Sequence[Seen]], Findings], ...] = (
    system.root,
    system.release,
    releases.etcd_for_patroni,
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
    data.tables_of_mysql,
    data.server_uuids,
    data.system_identifiers,
    data.encryption,
    data.another_ca,
    floating.floating,
    floating.advertisements,
    fence.nftables,
)


def check(all_seen: Sequence[Seen]) -> list[Finding]:
    """Everything that is wrong with the hosts."""
    return [finding for one in CHECKS for finding in one(all_seen)]

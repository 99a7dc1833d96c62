"""Fenced failover: what it needs, or is refused with the reason. docs/fencing.md."""

from collections.abc import Iterator, Sequence

from firedrill.deploy.preflight.finding import SETTINGS, Finding
from firedrill.deploy.preflight.seen import Findings, Seen, finding
from firedrill.inventories import fencing, profiles
from firedrill.inventories.read import Host


def settings(hosts: Sequence[Host]) -> Iterator[Finding]:
    """Of the inventory alone."""
    data = hosts[0].data
    if not fencing.enabled(hosts):
        if data["fence_unsafe_without_refusal"]:
            yield _refused("fence_unsafe_without_refusal is set, and `fence` is off", "leave it out")
        return
    if not any("postgres" in host.roles for host in hosts):
        yield _refused("only a cluster of Patroni has fenced failover", "set `fence` to 'off'")
        return
    yield from _of_patroni(hosts)


def _of_patroni(hosts: Sequence[Host]) -> Iterator[Finding]:
    data = hosts[0].data
    count = {role: sum(role in host.roles for host in hosts) for role in ("etcd", "postgres")}
    if profiles.settings(data)["synchronous_mode"] == "off":
        yield _refused(
            "replication is asynchronous (durability off), so a failover within seconds would lose acknowledged writes",
            "set `durability` to 'on' or 'quorum', or `fence` to 'off'",
        )
    if count["etcd"] < fencing.LEAST_JUDGES:
        yield _refused(
            f"{count['etcd']} etcd hosts are no majority of judges that outlives one of them",
            f"use {fencing.LEAST_JUDGES} or more, or set `fence` to 'off'",
        )
    if count["postgres"] == 1:
        yield _refused("one database host has no standby that could take over", "add one, or set `fence` to 'off'")
    if data["fence"] == fencing.POWER and not data["fence_power"]:
        yield _refused(
            "mode power has no power commands", "set `fence_power` to {'status': [...], 'off': [...]} (docs/fencing.md)"
        )
    if data["fence_unsafe_without_refusal"] and not data.get("chaos_allowed"):
        yield _refused(
            "fence_unsafe_without_refusal loses acknowledged writes, and the inventory does not set chaos_allowed",
            "leave it out",
        )


def _refused(cause: str, remedy: str) -> Finding:
    return Finding(SETTINGS, "fence", cause, remedy, True)


def nftables(all_seen: Sequence[Seen]) -> Findings:
    """A host that cannot refuse an old leader. Unknown where nft is not installed yet: the agent reports it."""
    for seen in all_seen:
        if seen.found.get("refuses") is False:
            yield finding(
                seen, "fence", "its kernel has no nftables for IPv4, so it cannot refuse an old leader",
                "use another kernel, or set `fence` to 'off'",
            )  # fmt: skip

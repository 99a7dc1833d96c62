"""The picture of the cluster before and after the faults: tier by tier, each host with its role."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from firedrill.experiments.judge.facts import Steady, Tier
from firedrill.experiments.judge.findings import Findings

RoleOf = Callable[[str], str]


@dataclass(frozen=True)
class Box:
    """A host in the picture: its role, and the fault that hit it."""

    name: str
    address: str
    role: str
    hit: str


def stages(findings: Findings) -> list[tuple[str, list[tuple[str, list[Box]]]]]:
    """The cluster before the faults, marked with what they hit, and after them."""
    hits = {fault.host: fault.fault.replace("_", " ") for fault in findings.faults if fault.host}
    return [
        ("Before", _stage(findings, findings.before, hits)),
        ("After", _stage(findings, findings.after, {})),
    ]


def _stage(findings: Findings, steady: Steady | None, hits: dict[str, str]) -> list[tuple[str, list[Box]]]:
    addresses = {host.name: host.address for host in findings.run.hosts}
    return [
        (tier.title, [Box(name, addresses.get(name, ""), role(name), hits.get(name, "")) for name in tier.hosts])
        for tier, role in _roles(findings, steady)
    ]


def _roles(findings: Findings, steady: Steady | None) -> Iterator[tuple[Tier, RoleOf]]:
    """Each tier with what names the role of its hosts. A host with several roles appears in several tiers."""
    run = findings.run
    special: list[tuple[tuple[str, ...], RoleOf]] = [
        (run.proxies, lambda name: "holds the address" if steady and name in steady.address_holders else ""),
        (run.databases, lambda name: database_role(steady, name)),
        (run.coordinators, lambda name: "coordinator leader" if steady and name == steady.coordinator_leader else ""),
    ]
    for tier in run.tiers:
        match = next((item for item in special if item[0] and set(item[0]) == set(tier.hosts)), None)
        if match:
            special.remove(match)
        yield tier, match[1] if match else lambda name: ""


def database_role(steady: Steady | None, name: str) -> str:
    """The role of a database host in a steady state."""
    if steady is None:
        return "not observed"
    if name == steady.leader:
        return "leader"
    return "sync standby" if name in steady.sync_standbys else "replica" if steady.ok else "?"

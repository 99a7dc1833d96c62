"""Which host can take which fault, and why not: the faults' own refusals, asked with their default options."""

import dataclasses

from firedrill.cluster.each import each
from firedrill.faults import chaosblade, engine
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.network import firewall
from firedrill.faults.protocol import Fault, Target
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host


def rows() -> dict[str, Fault]:
    """What is asked: each fault, and by chaosblade those that it can do."""
    found: dict[str, Fault] = {}
    for name, kind in FAULTS.items():
        found[name] = kind()
        if "backend" in {field.name for field in dataclasses.fields(kind)}:
            found[f"{name} --backend {chaosblade.NAME}"] = kind(backend=chaosblade.NAME)
    return found


def check_up(access: Access) -> dict[str, dict[str, str | None]]:
    """For each host, by fault, the reason why not; None where it can. Nothing is touched."""
    hosts = access.inventory.hosts
    with engine.connected(hosts) as connections:
        found = each(lambda host: _row(host, access, connections), hosts)
    return {host.name: row for host, row in zip(hosts, found, strict=True)}


def firewalls(access: Access) -> dict[str, str | None]:
    """By what each host's firewall faults are done, iptables or nft; None where neither works or it does not answer."""
    hosts = access.inventory.hosts
    with engine.connected(hosts) as connections:
        targets = [Target("0" * 8, host.name, host, access, 60, connections[host.name]) for host in hosts]
        found = each(_firewall, targets)
    return {host.name: tool for host, tool in zip(hosts, found, strict=True)}


def _firewall(target: Target) -> str | None:
    return firewall.tool(target, [target.host.address]) if target.connection else None


def _row(host: Host, access: Access, connections: engine.Connections) -> dict[str, str | None]:
    # A shape among several hosts, or a majority, is asked of all that share a role with this one.
    together = tuple(other for other in access.inventory.hosts if set(other.roles) & set(host.roles))
    target = Target("0" * 8, host.name, host, access, 60, connections[host.name], together=together)
    return {name: _why_not(fault, target) for name, fault in rows().items()}


def _why_not(fault: Fault, target: Target) -> str | None:
    try:
        fault.refuse(target)
    except Problem as problem:
        return problem.cause.removeprefix(f"{target.host.name}: ").removeprefix(f"{target.host.name} ")
    return None

"""Which host can take which fault, and why not: the faults' own refusals. Nothing is touched."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from firedrill.cluster.each import each
from firedrill.faults import engine, lookup, processes
from firedrill.faults.backends.table import choices
from firedrill.faults.connections import Connections, connected
from firedrill.faults.network import firewall
from firedrill.faults.protocol import Fault, Target
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host


@dataclass(frozen=True)
class Answer:
    """Whether a host can take a fault: `reason` why not, and `given`, the options that it takes beyond the defaults."""

    reason: str | None
    given: str = ""

    @property
    def short(self) -> str:
        return "cannot" if self.reason else f"can with {self.given}" if self.given else "can"


@dataclass(frozen=True)
class Row:
    """One fault by one backend."""

    kind: type[Fault]
    given: Mapping[str, Any]


def rows() -> dict[str, Row]:
    """What is tried: each fault, and each fault by every other backend that can carry it out."""
    found: dict[str, Row] = {}
    for name in lookup.names():
        kind = lookup.find(name)
        found[name] = Row(kind, {})
        for backend in choices(kind)[1:]:
            found[f"{name} --backend {backend}"] = Row(kind, {"backend": backend})
    return found


def check_up(access: Access) -> dict[str, dict[str, Answer]]:
    """For each host, by fault, whether it can take it."""
    hosts = access.inventory.hosts
    with connected(hosts) as connections:
        found = each(lambda host: _of_host(host, access, connections), hosts)
    return {host.name: answers for host, answers in zip(hosts, found, strict=True)}


def firewalls(access: Access) -> dict[str, str | None]:
    """The tool of each host's firewall faults, iptables or nft; None where neither works or it does not answer."""
    hosts = access.inventory.hosts
    with connected(hosts) as connections:
        targets = [Target("0" * 8, host.name, host, access, 60, connections[host.name]) for host in hosts]
        found = each(_firewall, targets)
    return {host.name: tool for host, tool in zip(hosts, found, strict=True)}


def _firewall(target: Target) -> str | None:
    return firewall.tool(target, [target.host.address]) if target.connection else None


def _of_host(host: Host, access: Access, connections: Connections) -> dict[str, Answer]:
    # A shape among several hosts, or a majority, is tried on all that share a role with this one.
    together = tuple(other for other in access.inventory.hosts if set(other.roles) & set(host.roles))
    target = Target("0" * 8, host.name, host, access, 60, connections[host.name], together=together)
    return {name: _answer(row, target) for name, row in rows().items()}


def _answer(row: Row, target: Target) -> Answer:
    """The first options with which it is not refused; the reason for the defaults where there are none."""
    reasons = []
    for given in _options(row.kind, target.host):
        reason = _reason(row.kind, {**row.given, **given}, target)
        if reason is None:
            return Answer(None, " ".join(f"--{name.replace('_', '-')}" for name in given))
        reasons.append(reason)
        if target.connection is None:
            break
    return Answer(reasons[-1] if getattr(row.kind, "example", None) else reasons[0])


def _options(kind: type[Fault], host: Host) -> Iterator[dict[str, Any]]:
    """The defaults, the fault's own example, and the processes that the host runs."""
    yield {}
    if example := getattr(kind, "example", None):
        yield dict(example)
    if "process" in kind.__dataclass_fields__:
        yield from ({"process": process} for process in processes.of_roles(host))


def _reason(kind: type[Fault], given: Mapping[str, Any], target: Target) -> str | None:
    try:
        fault = kind(**given)
        engine.refuse_other_system(fault, target.access)
        fault.refuse(target)
    except Problem as problem:
        cause = problem.cause
        for words in (f"{target.host.name}: ", f"{target.host.name} ", "cannot: "):
            cause = cause.removeprefix(words)
        return cause
    return None

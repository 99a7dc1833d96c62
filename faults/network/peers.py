"""Whom a network fault is about: `db2,group:etcd,10.0.0.7`, resolved to addresses at injection."""

import ipaddress

from firedrill.faults.protocol import Refused, Target
from firedrill.faults.targets import resolve
from firedrill.inventories.errors import Problem


def addresses(target: Target, peers: str) -> list[str]:
    """The addresses that `peers` names, never the host's own; every other host of the inventory where it is empty."""
    if not peers:
        return [host.address for host in target.access.inventory.hosts if host.name != target.host.name]
    found: dict[str, None] = {}
    for word in peers.split(","):
        for address in _one(target, word.strip()):
            if address != target.host.address:
                found[address] = None
    if not found:
        raise Refused(f"{peers} is {target.host.name} itself", "name others")
    return list(found)


def _one(target: Target, word: str) -> list[str]:
    try:
        return [str(ipaddress.ip_network(word, strict=False)).removesuffix("/32").removesuffix("/128")]
    except ValueError:
        pass
    try:
        return [host.address for host in resolve(word, target.access)]
    except Problem as problem:
        raise Refused(problem.cause, problem.remedy) from None


def ports(text: str) -> list[str]:
    """The ports of `5432,2379`. Raises Refused."""
    found = [word.strip() for word in text.split(",") if word.strip()]
    for word in found:
        if not word.isdigit() or not 0 < int(word) < 65536:
            raise Refused(f"no port {word!r}", "give numbers such as 5432,2379")
        if int(word) == 22:
            raise Refused("port 22 is SSH, which every fault leaves alone", "name other ports")
    if len(found) > 15:
        raise Refused(f"{len(found)} ports", "give at most 15")
    return found


def names(target: Target, found: list[str]) -> str:
    """The addresses, with the names of those that are hosts here."""
    known = {host.address: host.name for host in target.access.inventory.hosts}
    return ", ".join(known.get(address, address) for address in found)

"""The peers of a network fault: `db2,group:etcd,10.0.0.7`, resolved to addresses at injection."""

import ipaddress
import re

from firedrill.faults.protocol import Refused, Target
from firedrill.faults.targets import resolve
from firedrill.inventories.errors import Problem


def addresses(target: Target, peers: str) -> list[str]:
    """The addresses that `peers` names, without the host's own; all other hosts of the inventory where it is empty."""
    if not peers:
        return [host.address for host in target.access.inventory.hosts if host.name != target.host.name]
    found: dict[str, None] = {}
    for word in peers.split(","):
        for address in _one(target, word.strip()):
            if address != target.host.address:
                found[address] = None
    if not found:
        raise Refused(f"the peers {peers!r} are {target.host.name} itself", "name other hosts")
    return list(found)


def _one(target: Target, word: str) -> list[str]:
    if "%" in word:
        raise Refused(f"the peer {word!r} has a scope", "give the address alone")
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
        if not re.fullmatch("[1-9][0-9]{0,4}", word) or int(word) > 65535:
            raise Refused(f"no port {word!r}", "give numbers such as 5432,2379")
        if word == "22":
            raise Refused("port 22 is SSH, which every fault exempts", "name other ports")
    if len(found) > 15:
        raise Refused(f"{len(found)} ports", "give at most 15")
    return found


def names(target: Target, found: list[str]) -> str:
    """The addresses, by host name where the inventory has one."""
    known = {host.address: host.name for host in target.access.inventory.hosts}
    return ", ".join(known.get(address, address) for address in found)

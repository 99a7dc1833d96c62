"""The peers of a network fault: `db2,group:etcd,10.0.0.7,10.1.0.0/16`, resolved to addresses at injection.

A host is all its addresses. An address or a network is only itself.
"""

import ipaddress
import re
from collections.abc import Iterable

from firedrill.cluster import login
from firedrill.faults.network.addresses import book
from firedrill.faults.protocol import Refused, Target
from firedrill.faults.targets import resolve
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

MOST_PORTS = 15
PORT = re.compile("[1-9][0-9]{0,4}|[a-z][a-z_]{0,31}")


def addresses(target: Target, peers: str) -> list[str]:
    """Addresses and networks that `peers` names, without the host's own; all other hosts' where it is empty."""
    found = dict.fromkeys(one for word in peers.split(",") for one in _one(target, word.strip()))
    if not found and peers:
        raise Refused(
            f"the peers {peers!r} are {target.host.name} itself, or the host of this controller, which is exempt",
            "name other hosts",
        )
    return list(found)


def _one(target: Target, word: str) -> list[str]:
    if not word:
        return of_hosts(target, target.access.inventory.hosts)
    if "%" in word:
        raise Refused(f"the peer {word!r} has a scope", "give the address alone")
    try:
        literal = str(ipaddress.ip_network(word, strict=False)).removesuffix("/32").removesuffix("/128")
        return [] if literal in book(target).of(target.host.name) else [literal]
    except ValueError:
        pass
    try:
        return of_hosts(target, resolve(word, target.access))
    except Problem as problem:
        raise Refused(problem.cause, problem.remedy) from None


def of_hosts(target: Target, hosts: Iterable[Host]) -> list[str]:
    """All addresses of the hosts, other than the target's own; a host that this controller runs on is exempt."""
    known, found = book(target), list(hosts)
    if unknown := [host.name for host in found if not known.of(host.name)]:
        raise Refused(
            f"{target.host.name}: no address of {', '.join(unknown)} is known", "give it an address in the inventory"
        )
    return [one for host in found for one in known.of_peer(host.name, target.host.name)]


def covered(target: Target, found: Iterable[str]) -> dict[str, list[str]]:
    """The other hosts that have some of these addresses, or are in these networks; and which of theirs these are."""
    networks = [ipaddress.ip_network(one) for one in found]
    known = book(target)
    hosts = {
        name: [one for one in known.of_peer(name, target.host.name) if _within(one, networks)] for name in known.hosts
    }
    return {name: within for name, within in hosts.items() if within}


def _within(address: str, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(ipaddress.ip_address(address) in network for network in networks)


def ports(text: str) -> list[str]:
    """The ports of `5432,patroni`: numbers, and names of the inventory's `ports`. Raises Refused."""
    found = [word.strip() for word in text.split(",") if word.strip()]
    for word in found:
        if not PORT.fullmatch(word) or (word.isdigit() and int(word) > 65535):
            raise Refused(f"no port {word!r}", "give numbers such as 5432,2379, or names of the inventory's `ports`")
    if len(found) > MOST_PORTS:
        raise Refused(f"{len(found)} ports", f"give at most {MOST_PORTS}")
    return found


def ports_of(target: Target, text: str) -> list[str]:
    """The numbers of the ports; a name means the port of every host. Raises Refused for an unknown one."""
    found: dict[str, None] = {}
    for word in ports(text):
        if word.isdigit():
            found[word] = None
        elif word in target.access.ports:
            found |= {str(host.data["ports"][word]): None for host in target.access.inventory.hosts}
        else:
            raise Refused(f"no port {word!r}", f"give numbers, or one of {', '.join(target.access.ports)}")
    return list(found)


def refuse_ssh(target: Target, text: str) -> None:
    """Raises Refused where one of the ports is that of the host's SSH, which every fault exempts."""
    port = str(login.port_of(target.host))
    if port in ports_of(target, text):
        raise Refused(f"port {port} is {target.host.name}'s SSH, which every fault exempts", "name other ports")


def names(target: Target, found: Iterable[str]) -> str:
    """The hosts behind these addresses, with their number where it is more than one; others as they are."""
    single = [one for one in found if "/" not in one]
    hosts = covered(target, single)
    of_hosts = {one for within in hosts.values() for one in within}
    shown = [name if len(within) == 1 else f"{name} ({len(within)} addresses)" for name, within in hosts.items()]
    return ", ".join([*shown, *(one for one in found if one not in of_hosts)])

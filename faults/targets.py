"""Targets are data, resolved to hosts at injection: `db1`, `leader`, `etcd:majority`, `group:proxy`.

`group:app:1` is the first of a group, and `leader,etcd_leader` are both, struck together.
"""

from collections.abc import Callable

from firedrill.cluster import etcd, patroni, ssh
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import ROLES, Host


def _leader(access: Access) -> list[str]:
    leader = patroni.view(access).leader
    return [leader.name] if leader else []


def _sync_standby(access: Access) -> list[str]:
    return list(patroni.view(access).sync_standbys[:1])


def _replica(access: Access) -> list[str]:
    return list(patroni.view(access).replicas[:1])


def _etcd_leader(access: Access) -> list[str]:
    name = etcd.leader(access)
    return [name] if name else []


def _etcd_majority(access: Access) -> list[str]:
    """The leader first: losing it is the harder half of losing the quorum."""
    names = [host.name for host in access.inventory.role("etcd")]
    names.sort(key=lambda name: name != etcd.leader(access))
    return names[: len(names) // 2 + 1]


def _vip_holder(access: Access) -> list[str]:
    """The proxy that holds the address clients use: the floating one, or its own where there is none."""
    front = access.front
    return [host.name for host in access.inventory.role("proxy") if host.address == front or _holds(host, front)]


def _holds(host: Host, address: str) -> bool:
    if not ssh.answers(host):
        return False
    with ssh.connect(host) as connection:
        return f" {address}/" in ssh.sh(connection, "ip -o -4 address")


RESOLVERS: dict[str, Callable[[Access], list[str]]] = {
    "leader": _leader,
    "sync_standby": _sync_standby,
    "replica": _replica,
    "etcd_leader": _etcd_leader,
    "etcd:majority": _etcd_majority,
    "vip_holder": _vip_holder,
}


def resolve(spec: str, access: Access) -> list[Host]:
    """The hosts that the target is right now. Raises Problem when it is nobody, or no target."""
    names = dict.fromkeys(name for one in spec.split(",") for name in _resolve_one(one.strip(), access))
    return [access.inventory[name] for name in names]


def _resolve_one(spec: str, access: Access) -> list[str]:
    inventory = access.inventory
    if spec in RESOLVERS:
        names = RESOLVERS[spec](access)
    elif spec.startswith("group:") and spec.split(":")[1] in ROLES:
        names = _of_group(spec, [host.name for host in inventory.role(spec.split(":")[1])])
    elif spec in {host.name for host in inventory.hosts}:
        names = [spec]
    else:
        known = ", ".join((*RESOLVERS, *(f"group:{role}" for role in ROLES)))
        raise Problem(f"no target {spec!r}", f"take a host's name or one of {known}")
    if not names:
        raise Problem(f"{spec!r} is nobody right now", "look at the cluster with `faults status` or `patronictl list`")
    return names


def _of_group(spec: str, names: list[str]) -> list[str]:
    """All of a group, or the one whose number follows; nobody where there are fewer. Raises Problem."""
    number = spec.split(":", 2)[2:]
    if not number:
        return names
    if not number[0].isdigit() or number[0] == "0":
        raise Problem(f"no target {spec!r}", "count from 1, as in `group:app:1`")
    return names[int(number[0]) - 1 : int(number[0])]

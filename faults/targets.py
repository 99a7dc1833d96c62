"""Targets are data, resolved to hosts at injection: `db1`, `leader`, `etcd:majority`, `group:proxy`.

`group:app:1` is the first of a group, and `leader,etcd_leader` are both, hit simultaneously.
"""

import re
from collections.abc import Callable, Iterable

from firedrill.cluster import front
from firedrill.cluster.systems import system_of
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import ROLES, Host


def _leader(access: Access) -> list[str]:
    leader = system_of(access.inventory).view(access).leader
    return [leader.name] if leader else []


def _sync_standby(access: Access) -> list[str]:
    return _listed(access, system_of(access.inventory).view(access).sync_standbys)[:1]


def _replica(access: Access) -> list[str]:
    return _listed(access, system_of(access.inventory).view(access).replicas)[:1]


def _listed(access: Access, names: Iterable[str]) -> list[str]:
    """Without members that the inventory leaves out: there is no way to reach them."""
    known = {host.name for host in access.inventory.hosts}
    return [name for name in names if name in known]


RESOLVERS: dict[str, Callable[[Access], list[str]]] = {
    "leader": _leader,
    "sync_standby": _sync_standby,
    "replica": _replica,
    "vip_holder": front.address_holders,
}


def resolvers(access: Access) -> dict[str, Callable[[Access], list[str]]]:
    """Targets that are resolved by a question, by name: those of every cluster, and its system's own."""
    return {**RESOLVERS, **system_of(access.inventory).targets}


def resolve(spec: str, access: Access) -> list[Host]:
    """The hosts that a target resolves to now. Raises Problem if it is not a host or not a target."""
    names = dict.fromkeys(name for one in spec.split(",") for name in _resolve_one(one.strip(), access))
    return [access.inventory[name] for name in names]


def _resolve_one(spec: str, access: Access) -> list[str]:
    inventory, known = access.inventory, resolvers(access)
    if spec in known:
        names = known[spec](access)
    elif spec.startswith("group:") and spec.split(":")[1] in ROLES:
        names = _of_group(spec, [host.name for host in inventory.role(spec.split(":")[1])])
    elif spec in {host.name for host in inventory.hosts}:
        names = [spec]
    else:
        offered = ", ".join((*known, *(f"group:{role}" for role in ROLES)))
        raise Problem(f"no target {spec!r}", f"use a host's name or one of {offered}")
    if not names:
        raise Problem(
            f"{spec!r} resolves to no host at the moment", "check the cluster with `faults status` or `patronictl list`"
        )
    return names


def _of_group(spec: str, names: list[str]) -> list[str]:
    """All hosts of a group, or the one whose number follows. Raises Problem."""
    number = spec.split(":", 2)[2:]
    if not number:
        return names
    if not re.fullmatch("[1-9][0-9]{0,5}", number[0]):
        raise Problem(f"no target {spec!r}", "count from 1, as in `group:app:1`")
    return names[int(number[0]) - 1 : int(number[0])]

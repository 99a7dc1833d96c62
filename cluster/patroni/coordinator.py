"""etcd as Patroni's coordinator: its leader, its quorum, its members' health."""

from urllib.parse import urlsplit

from firedrill.cluster import etcd, names
from firedrill.inventories.access import Access

DEADLINE_S = 1.0


def leader(access: Access) -> str | None:
    """The inventory name of the member that leads, from the first member that answers; None if none does."""
    for endpoint in access.etcd:
        try:
            with etcd.client(endpoint) as client:
                status = client.status()
                return host_name(status.leader, access) if status.leader else None
        except etcd.ERRORS:
            continue
    return None


def host_name(member: etcd.Member, access: Access) -> str:
    addresses = [urlsplit(url).hostname for url in (*member.client_urls, *member.peer_urls)]
    return names.coordinator_of(access, "etcd", str(member.name), addresses)


def members(access: Access) -> tuple[str, ...]:
    """All members by inventory names, from the first that answers; none if none does."""
    for endpoint in access.etcd:
        try:
            with etcd.client(endpoint) as client:
                return tuple(sorted(host_name(member, access) for member in client.members))
        except etcd.ERRORS:
            continue
    return ()


def majority(access: Access) -> list[str]:
    """A majority of the members, with their leader first: losing it is the harder half of losing the quorum."""
    found = [host.name for host in access.inventory.role("etcd")]
    leads = leader(access)
    found.sort(key=lambda name: name != leads)
    return found[: len(found) // 2 + 1]


def has_quorum(access: Access, seconds: float = DEADLINE_S) -> bool:
    """Whether any member answers a linearizable read, which takes a quorum."""
    for endpoint in access.etcd:
        try:
            with etcd.client(endpoint, seconds) as client:
                client.get(f"{access.patroni_prefix}leader")
                return True
        except etcd.ERRORS:
            continue
    return False


def member_error(access: Access) -> str | None:
    """The first member that does not answer or knows no leader; None if all are well."""
    for host, endpoint in zip(access.inventory.role("etcd"), access.etcd, strict=True):
        try:
            with etcd.client(endpoint, DEADLINE_S) as client:
                if not client.status().leader:
                    return f"etcd on {host.name} has no leader"
        except etcd.ERRORS as error:
            return f"etcd on {host.name} does not answer ({etcd.cause(error, endpoint)})"
    return None

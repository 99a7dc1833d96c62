"""The address that clients connect to, and which proxy holds it."""

from firedrill.cluster import ssh
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host


def address_holders(access: Access) -> list[str]:
    """The proxies that hold the floating address; the first proxy if there is no such address.

    More than one holder is a split: each client reaches one of them.
    """
    vip, hosts = access.data.get("vip"), access.inventory.role("proxy")
    if not vip:
        return [host.name for host in hosts[:1]]
    return [host.name for host in hosts if host.address == vip or _holds(host, str(vip))]


def floating_address_holders(access: Access) -> tuple[str, ...]:
    """The holders of the floating address; none if there is no such address, or no proxy reports it."""
    if not access.data.get("vip"):
        return ()
    try:
        return tuple(address_holders(access))
    except Problem:  # a proxy that accepts no SSH login
        return ()


def split(access: Access) -> str | None:
    """That several proxies hold the floating address; None if at most one reports it."""
    holders = floating_address_holders(access)
    return f"{' and '.join(holders)} all hold the floating address {access.data['vip']}" if len(holders) > 1 else None


def _holds(host: Host, address: str) -> bool:
    if not ssh.answers(host):
        return False
    with ssh.connect(host) as connection:
        return f" {address}/" in ssh.sh(connection, "ip -o address")

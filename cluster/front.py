"""The address that clients connect to, and which proxy holds it."""

from firedrill.cluster import ssh
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host


def address_holders(access: Access) -> list[str]:
    """The proxy that holds the address clients use: the floating address, or the first proxy's own if there is none."""
    front = access.front
    return [host.name for host in access.inventory.role("proxy") if host.address == front or _holds(host, front)]


def floating_address_holder(access: Access) -> str | None:
    """The holder of the floating address; None if there is no such address, or no proxy that reports it."""
    if not access.data.get("vip"):
        return None
    try:
        return next(iter(address_holders(access)), None)
    except Problem:  # a proxy that accepts no SSH login
        return None


def _holds(host: Host, address: str) -> bool:
    if not ssh.answers(host):
        return False
    with ssh.connect(host) as connection:
        return f" {address}/" in ssh.sh(connection, "ip -o -4 address")

"""One host has several names: the inventory's, its member's in the cluster, its server's in a proxy. Mapped only here.

A member and a server keep their own name where no host of the inventory has it: nobody watches them.
"""

from firedrill.inventories.access import Access

MEMBER_KEY = "patroni_name"


def member_of(access: Access, host: str) -> str:
    """What the cluster calls a host: its member's name, and the `application_name` of its replication."""
    return str(access.inventory[host].data.get(MEMBER_KEY, host))


def host_of(access: Access, member: str) -> str:
    """The inventory name of a member. Its case does not matter, as it does not to Patroni's sync standbys."""
    names = {_key(member_of(access, host.name)): host.name for host in access.inventory.databases}
    if (key := _key(member)) in names:
        return names[key]
    taken = key in {_key(host.name) for host in access.inventory.hosts}
    return f"member {member}" if taken else member  # not the host of that name


def at(access: Access, address: str) -> str:
    """The inventory name of the database at an address, or of the member with that name."""
    found = {_key(host.address): host.name for host in access.inventory.databases}
    return found.get(_key(address)) or host_of(access, address)


def server_of(access: Access, name: str, address: str) -> str:
    """The inventory name of a proxy's server: by its address where the proxy tells it, else by the server's name."""
    hosts = {_key(host.address): host.name for host in access.inventory.hosts}
    if found := hosts.get(_key(address.rpartition(":")[0].strip("[]"))):
        return found
    found = host_of(access, name)
    return {_key(host.name): host.name for host in access.inventory.hosts}.get(_key(found), found)


def coordinator_of(access: Access, role: str, name: str, addresses: list[str | None]) -> str:
    """The inventory name of the coordinator's member: that of the host at one of its addresses, else by its name."""
    hosts = {_key(host.address): host.name for host in access.inventory.role(role)}
    hosts |= {_key(host.name): host.name for host in access.inventory.role(role)}
    keys = [_key(one) for one in (*addresses, name) if one]
    return next((hosts[key] for key in keys if key in hosts), name)


def _key(name: str) -> str:
    return name.casefold()

"""Users of an event log, as in events.py, that connect to the databases past the proxies: writers to any server that
takes writes, as clients without a proxy do. Such a client cannot tell an old primary from the new one.

    locust -f loadtests/direct.py --headless -u 20 -r 20 -t 60
"""

from dataclasses import replace

from firedrill.inventories.access import Access
from firedrill.loadtests import events


def past_proxies(access: Access) -> Access:
    """The same cluster as if it had neither proxies nor a floating address."""
    hosts = tuple(
        replace(
            host,
            roles=tuple(role for role in host.roles if role != "proxy"),
            data={key: value for key, value in host.data.items() if key != "vip"},
        )
        for host in access.inventory.hosts
    )
    return replace(access, inventory=replace(access.inventory, hosts=hosts))


DIRECT = past_proxies(events.ACCESS)


class DirectWriter(events.Writer):
    """Appends to the log on whichever server takes writes."""

    connect = staticmethod(events.DIALECT.sessions(DIRECT, writes=True))


class DirectReader(events.Reader):
    """Reads the last three, from any server."""

    connect = staticmethod(events.DIALECT.sessions(DIRECT, writes=False))

"""Who holds the floating address, and advertisements in the name of another proxy."""

import shlex
import time
from pathlib import Path

from firedrill.inventories.access import Access
from tests.experiments.cluster import advert
from tests.experiments.cluster.helpers import on


def holders(ways: Access) -> list[str]:
    """The proxies that have the address."""
    command = f"ip -o address show to {ways.data['vip']}/32"
    return [host.name for host in ways.inventory.role("proxy") if on(ways, host.name, command)]


def until_held(ways: Access, names: set[str], seconds: float = 10) -> list[str]:
    """The holder, once it is one of these."""
    deadline = time.monotonic() + seconds
    while len(now := holders(ways)) != 1 or now[0] not in names:
        assert time.monotonic() < deadline, f"{now} hold the address, wanted one of {names}"
        time.sleep(0.2)
    return now


def forge(ways: Access, sender: str, target: str, seconds: float) -> None:
    """Send advertisements of the highest priority to a proxy, in the name of its peer."""
    inventory = ways.inventory
    peer = next(host for host in inventory.role("proxy") if host.name != target)
    words = (peer.address, inventory[target].address, ways.data["vip"], ways.data["virtual_router_id"], seconds)
    on(ways, sender, shlex.join(["python3", "-c", Path(advert.__file__).read_text(), *map(str, words)]))

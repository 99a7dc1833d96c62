"""Patroni's dynamic configuration: the timings in effect, and waiting until every node has applied a change."""

import time
from typing import Any

from firedrill.cluster.patroni import rest
from firedrill.inventories import profiles
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

APPLIED_SECONDS = 60
# Patroni reads the configuration at the end of one loop, and acts on it in the next.
LOOPS = 2


def in_effect(access: Access) -> dict[str, Any]:
    """The inventory's profile, overridden by Patroni's dynamic configuration if a node answers.

    Patroni omits what was never set, and reports `true` for a synchronous mode that is `on`. The watchdog's mode and
    the fence are in the inventory alone.
    """
    data = access.inventory.role("postgres")[0].data
    found = access.profile | {"watchdog": data["watchdog"]["mode"]} | profiles.fence(data)
    try:
        dynamic = rest.dynamic_configuration(access)
    except (Problem, ValueError):
        return found
    mode = dynamic.get("synchronous_mode", False)
    return found | dynamic | {"synchronous_mode": {True: "on", False: "off"}[mode] if isinstance(mode, bool) else mode}


def until_applied(access: Access) -> float:
    """Wait until every node's Patroni has contacted etcd again, LOOPS times; return the seconds. Raises Problem."""
    began = time.monotonic()
    for _ in range(LOOPS):
        seen = {host: rest.dcs_last_seen(access, host) for host in access.inventory.role("postgres")}
        while late := [host.name for host, at in seen.items() if (rest.dcs_last_seen(access, host) or 0) <= (at or 0)]:
            if time.monotonic() - began > APPLIED_SECONDS:
                raise Problem(
                    f"{', '.join(late)}: the settings are not applied after {APPLIED_SECONDS} s", "check Patroni there"
                )
            time.sleep(0.2)
    return time.monotonic() - began

"""The floating address: unused, in the network of the proxies, and kept where nobody forges advertisements."""

import ipaddress
from collections.abc import Sequence

from firedrill.deploy.preflight.seen import Findings, Seen, finding
from firedrill.inventories import values


def floating(all_seen: Sequence[Seen]) -> Findings:
    proxies = [seen for seen in all_seen if "address" in seen.found]
    held = any(seen.found["address"]["holds"] and "keepalived" in seen.found["ours"] for seen in proxies)
    for seen in proxies:
        vip, found = seen.host.data["vip"], seen.found["address"]
        if not values.is_ipv4(vip):
            continue  # refused among the settings
        if found["network"] is None:
            yield finding(
                seen,
                "floating address",
                f"no interface has the address {seen.host.address}",
                "set ssh_hostname to an address of the host's own interface",
            )
        elif ipaddress.ip_address(vip) not in ipaddress.ip_interface(found["network"]).network:
            yield finding(
                seen,
                "floating address",
                f"the floating address {vip} is outside the network of {found['interface']} ({found['network']})",
                "choose an unused address of that network",
            )
        elif found["holds"] and "keepalived" not in seen.found["ours"]:
            yield finding(
                seen, "floating address", f"the floating address {vip} is already configured here", "choose another"
            )
        elif found["answers"] and not held:
            yield finding(
                seen,
                "floating address",
                f"the floating address {vip} is in use by another host (MAC {found['answers']})",
                "choose an unused address",
            )


def advertisements(all_seen: Sequence[Seen]) -> Findings:
    """VRRP has no authentication: a table of nftables lets only those of the other proxies through."""
    for seen in all_seen:
        if seen.found.get("nftables") is False:
            yield finding(
                seen,
                "nftables",
                "its kernel has no nftables for IPv4, so any host of its network segment can take the floating address",
                "see docs/security.md",
                refused=False,
            )

"""Hosts that pyinfra could not connect to, and why, as far as it printed that.

It continues without some hosts, and ends where none is left: then no deploy runs that could say so.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from firedrill.deploy.preflight.finding import SETTINGS, Finding
from firedrill.inventories.read import Host

UNASKED = "EOF when reading a line"  # pyinfra asks whether it may take a jump host's key
LINE = re.compile(r"^\s*\[([^]\s]+)\]\s+(.*\S)\s*$", re.M)


def causes(printed: str) -> dict[str, str]:
    """What pyinfra printed last about each host."""
    return dict(LINE.findall(printed))


def unreachable(host: Host, path: Path, why: str = "") -> Finding:
    command = host.power.get("power_on", "")
    start = command.format(name=host.name, address=host.address, inventory=path)
    return Finding(
        host.name,
        "reachable",
        f"{host.address} cannot be reached over SSH{f' ({why})' if why else ''}",
        f"start it{f' (`{start}`)' if start else ''}, or leave it out with --exclude {host.name}",
    )


def none_left(hosts: Sequence[Host], path: Path, why: Mapping[str, str]) -> list[Finding]:
    """No host can be reached. The same cause for all of them is what they have in common, such as a jump host."""
    common = {why.get(host.name, "") for host in hosts}
    if all(UNASKED in cause for cause in common):
        return [
            Finding(
                SETTINGS,
                "reachable",
                "no host can be reached over SSH: the key of the jump host is not known, and no terminal to ask on",
                "log in once by hand, or set StrictHostKeyChecking accept-new for it in ~/.ssh/config",
            )
        ]
    if len(hosts) == 1 or len(common) > 1 or not all(common):
        return [unreachable(host, path, why.get(host.name, "")) for host in hosts]
    return [
        Finding(
            SETTINGS,
            "reachable",
            f"no host can be reached over SSH, each for the same reason ({common.pop()})",
            "start the jump host or VPN that leads to them, or correct the login in the inventory",
        )
    ]

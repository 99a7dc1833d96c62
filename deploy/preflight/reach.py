"""Hosts that pyinfra could not connect to, and why, as far as it printed that.

It continues without some hosts, and ends where none is left: then no deploy runs that could say so.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from firedrill.deploy.preflight.finding import SETTINGS, Finding
from firedrill.inventories.read import Host

UNASKED = "EOF when reading a line"  # pyinfra asks whether it may take a jump host's key
TRUST = "log in once by hand, or set StrictHostKeyChecking accept-new for it in ~/.ssh/config"
START = "start the jump host or VPN that leads to them, or correct the login in the inventory"
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


def unreached(hosts: Sequence[Host], path: Path, why: Mapping[str, str], *, every: bool) -> list[Finding]:
    """A finding for each host; one for those with the same cause, which share what is down, such as a jump host.

    `every`: these are all hosts.
    """
    alike: dict[str, list[Host]] = {}
    for host in hosts:
        alike.setdefault(why.get(host.name, ""), []).append(host)
    found = []
    for cause, some in alike.items():
        who = "no host can" if every and len(alike) == 1 else f"{', '.join(host.name for host in some)} cannot"
        if UNASKED in cause:
            found.append(_shared(f"{who} be reached over SSH: the key of the jump host is not known", TRUST))
        elif cause and len(some) > 1:
            found.append(_shared(f"{who} be reached over SSH, each for the same reason ({cause})", START))
        else:
            found += [unreachable(host, path, cause) for host in some]
    return found


def _shared(cause: str, remedy: str) -> Finding:
    return Finding(SETTINGS, "reachable", cause, remedy, True)

"""The identity of a host as files of its root: name, address, machine id, keys and resolver."""

import uuid
from pathlib import Path

from firedrill.lab.guest import Guest

RESOLVED = Path("/run/systemd/resolve/resolv.conf")
NETWORK = """\
[Match]
Name=host0

[Network]
Address={address}/{prefix}
Gateway={gateway}
DHCP=no
LinkLocalAddressing=no
IPv6AcceptRA=no
LLMNR=no
MulticastDNS=no
"""
HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
MACHINE_ID = "etc/machine-id"
HOSTS = "etc/hosts"


def every_boot(guest: Guest, authorized_key: str) -> dict[str, str]:
    """Path to content, written at each boot: what the inventory and this machine determine."""
    resolver = RESOLVED if RESOLVED.exists() else Path("/etc/resolv.conf")
    return {
        "etc/hostname": f"{guest.name}\n",
        # Sorts before 80-container-host0.network, which would use DHCP.
        "etc/systemd/network/10-host0.network": NETWORK.format(
            address=guest.address, prefix=guest.prefix, gateway=guest.gateway
        ),
        "etc/resolv.conf": resolver.read_text(),
        "root/.ssh/authorized_keys": authorized_key,
    }


def once(guest: Guest) -> dict[str, str]:
    """Path to content, written when the host is created and not changed afterwards."""
    return {
        # An empty file would mean a first boot, on which systemd enables every service.
        MACHINE_ID: f"{uuid.uuid4().hex}\n",
        HOSTS: f"127.0.0.1 localhost\n{guest.address} {guest.name}\n",
    }

"""The software versions of a run."""

import contextlib
from importlib.metadata import version

from firedrill.cluster import ssh
from firedrill.cluster.systems import system_of
from firedrill.inventories.access import Access

PACKAGES = ("haproxy", "keepalived")  # in addition to the system's own


def found(access: Access) -> dict[str, str]:
    """Ours, and those of the packages on the first host of each role, if it answers."""
    versions = {"firedrill": version("firedrill")}
    system = system_of(access.inventory)
    packages = " ".join((*system.packages, *PACKAGES))
    for role in (system.database_role, system.coordinator_role or "", "proxy"):
        for host in access.inventory.role(role)[:1]:
            with contextlib.suppress(ssh.Unreachable), ssh.connect(host) as connection:
                shown = ssh.sh(connection, f"dpkg-query -W {packages} 2>/dev/null", check=False)
                versions |= dict(line.split("\t") for line in shown.splitlines() if line.rstrip("\t").count("\t"))
    return versions

"""Install missing packages without starting their services."""

from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.facts.deb import DebPackages

# A package would start its service with the packaged configuration (a single-member etcd, nginx on port 80, a
# PostgreSQL on 5432). policy-rc.d prevents that; an existing one is kept.
HOLD = (
    "P=/usr/sbin/policy-rc.d; [ -e $P ] || "
    "{ trap 'rm -f $P' EXIT; printf '#!/bin/sh\\nexit 101\\n' >$P; chmod 755 $P; };"
)
APT = "DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3"


@operation()
def installed(packages: list[str]):
    """
    Install missing packages; apt is not run if there are none.

    + packages: names of Debian packages
    """
    known = host.get_fact(DebPackages)
    missing = sorted(name for name in packages if name not in known)
    if not missing:
        host.noop("all packages are installed")
        return
    yield StringCommand(f"{APT} update")
    install = f"{APT} -o Dpkg::Options::=--force-confold install --no-install-recommends {' '.join(missing)}"
    yield StringCommand(f"{HOLD} {install}")

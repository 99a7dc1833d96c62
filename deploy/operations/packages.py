"""Install missing packages without starting their services.

The installation goes on if the deploy is killed: its output goes to a file, not to the connection, and it cleans up
itself. A further deploy waits for it. One that a reboot interrupted is completed by the next deploy.
"""

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation

# A package would start its service with the packaged configuration (a single-member etcd, nginx on port 80, a
# PostgreSQL on 5432). policy-rc.d prevents that; one that is not ours is kept.
POLICY = "/usr/sbin/policy-rc.d"
OURS = "# Firedrill: no package starts its service"
APT = "apt-get -y -q -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold"
# `9`: a second installation waits for the first.
INSTALL = """
mkdir -p /run/firedrill && exec 9>/run/firedrill/packages.lock && flock -w 900 9 || exit 1
log=/run/firedrill/packages.log
clean() {{ ! grep -qsF '{ours}' {policy} || rm -f {policy}; rm -f $log; }}
trap clean EXIT; trap 'exit 1' HUP INT TERM PIPE
[ -e {policy} ] || {{ printf '#!/bin/sh\\n{ours}\\nexit 101\\n' >{policy} && chmod 755 {policy}; }}
export DEBIAN_FRONTEND=noninteractive
( dpkg --force-confold --configure -a && {steps} ) >$log 2>&1 </dev/null 9>&- || {{ tail -n 60 $log >&2; exit 1; }}
"""
SETTLED = ("ii", "hi", "rc", "hc", "un", "pn", "rn")


class Packages(FactBase[dict[str, list[str]]]):
    """`installed`: names of packages; `interrupted`: what an interrupted installation left."""

    default = dict

    def command(self) -> str:
        held = f"if grep -qsF '{OURS}' {POLICY}; then echo 'iH {POLICY}'; fi"
        return f"dpkg-query --show --showformat '${{db:Status-Abbrev}} ${{Package}}\\n'; {held}"

    def process(self, output: list[str]) -> dict[str, list[str]]:
        rows = [line.split() for line in output if len(line.split()) == 2]
        installed = [name for state, name in rows if state in ("ii", "hi")]
        return {"installed": installed, "interrupted": [name for state, name in rows if state not in SETTLED]}


@operation()
def installed(packages: list[str], release: str = ""):
    """
    Install missing packages, and complete an interrupted installation; apt is not run if there are none.

    + packages: names of Debian packages
    + release: a Debian release other than the host's
    """
    found = host.get_fact(Packages)
    missing = sorted(set(packages) - set(found.get("installed", ())))
    if not missing and not found.get("interrupted"):
        host.noop("all packages are installed")
        return
    source = f"--target-release {release} " if release else ""
    steps = f"{APT} update && {APT} install {source}--fix-broken --no-install-recommends {' '.join(missing)}"
    yield StringCommand(INSTALL.format(ours=OURS, policy=POLICY, steps=steps if missing else f"{APT} install -f"))

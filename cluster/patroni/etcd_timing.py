"""etcd's election timeout: it decides how long the leadership is unknown when etcd's own leader is lost."""

import re

from firedrill.cluster import ssh, units
from firedrill.cluster.each import each
from firedrill.cluster.patroni import processes
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

DEFAULT_S = 1.0  # etcd's own
# An argument, a variable of the environment, or a line of the configuration file, in ms.
TIMEOUT = re.compile(r"(?:--election-timeout[= ]|ETCD_ELECTION_TIMEOUT=|^election-timeout:\s*)[\"']?(\d{1,9})\b", re.M)
# A process's arguments and environment, and the configuration file that it was started with.
SHOW = """
pid=$({main}); [ "$pid" -gt 0 ] || exit 0
tr '\\0' ' ' </proc/$pid/cmdline; echo
tr '\\0' '\\n' </proc/$pid/environ
file=$(tr '\\0' '\\n' </proc/$pid/cmdline | sed -n 's/^--config-file=//p')
[ -z "$file" ] || cat "$file"
"""


def in_effect(access: Access) -> dict[str, float]:
    """`election` in seconds: as deployed; of an existing cluster as its inventory or its members say."""
    if not access.foreign:
        return {"election": access.data["etcd_election_ms"] / 1000}
    given = access.data.get("timings", {}).get("etcd_election")
    if given is not None:
        return {"election": float(given)}
    found = [seconds for seconds in each(_of_host, access.inventory.role("etcd")) if seconds]
    return {"election": max(found, default=DEFAULT_S)}


def _of_host(host: Host) -> float | None:
    """What a member was started with; None if it does not answer, or sets nothing."""
    show = SHOW.format(main=units.main_process(processes.unit("etcd", host)))
    try:
        if not ssh.answers(host):
            return None
        with ssh.connect(host) as connection:
            return parsed(ssh.sh(connection, show, check=False))
    except Problem:
        return None


def parsed(text: str) -> float | None:
    """The election timeout in seconds that arguments, environment or configuration file set. Arguments come first."""
    found = TIMEOUT.search(text)
    return int(found[1]) / 1000 if found else None

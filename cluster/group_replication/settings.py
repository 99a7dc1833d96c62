"""The group's timings and settings: what its servers report, and what an experiment may change."""

import time
from collections.abc import Mapping
from typing import Any

from firedrill.cluster.each import each
from firedrill.cluster.group_replication import reports, sql
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

PREFIX = "group_replication_"
# Those that may be changed while the group works, without the prefix.
CHANGEABLE = ("member_expel_timeout", "unreachable_majority_timeout", "consistency", "autorejoin_tries")
PROXY = ("inter", "fastinter", "downinter", "rise", "fall")
SUSPECTED_S = 5  # fixed in MySQL: a member that is silent for as long is suspected
# The most that a failover of a silent primary takes if a suspect is expelled immediately: for bounds of expectations.
REPLACED_S = 7
LOOP_S = 1
APPLIED_S = 30.0


def in_effect(access: Access) -> dict[str, Any]:
    """The timings. `ttl`: when a silent primary is replaced at the latest, with the expulsion as it should be (0)."""
    found = {name: access.profile[name] for name in PROXY if name in access.profile}
    found |= {"ttl": REPLACED_S, "loop_wait": LOOP_S, "election": 0, "synchronous_mode": "majority"}
    try:
        return found | configuration(access)
    except Problem:
        known = access.data["group_replication"]
        return found | {name: known[name] for name in CHANGEABLE if name in known}


def configuration(access: Access) -> dict[str, Any]:
    """What may be changed, from the first server that answers. Raises Problem."""
    last = "the inventory has no mysqld hosts"
    for host in access.inventory.databases:
        try:
            return _of(access, host)
        except sql.ERRORS as error:
            last = f"{host.name}: {sql.cause(error)}"
    raise Problem(f"the group's settings cannot be read ({last})", "check the servers")


def _of(access: Access, host: Host) -> dict[str, Any]:
    connection = sql.connect(access.mysql(host), reports.DEADLINE_S)
    try:
        row = sql.rows(connection, f"SELECT {', '.join(f'@@{PREFIX}{name}' for name in CHANGEABLE)}")[0]
    finally:
        reports.close(connection)
    return dict(zip(CHANGEABLE, row, strict=True))


def configure(access: Access, patch: Mapping[str, Any]) -> None:
    """Change settings on every server; None means MySQL's default. Raises Problem."""
    if unknown := sorted(set(patch) - set(CHANGEABLE)):
        raise Problem(
            f"a group has no setting {unknown[0]!r} that can be changed", f"choose one of {', '.join(CHANGEABLE)}"
        )

    def change(host: Host) -> None:
        try:
            connection = sql.connect(access.mysql_operator(host), reports.DEADLINE_S)
            try:
                for name, value in patch.items():
                    text = "DEFAULT" if value is None else "%s"
                    sql.rows(connection, f"SET PERSIST {PREFIX}{name} = {text}", () if value is None else (value,))
            finally:
                reports.close(connection)
        except sql.ERRORS as error:
            raise Problem(f"{host.name}: settings not changed ({sql.cause(error)})", "check `credentials`") from None

    each(change, access.inventory.databases)


def until_applied(access: Access) -> float:
    """A change is in effect when it returns; all servers must have the same. Raises Problem."""
    began = time.monotonic()
    while time.monotonic() - began < APPLIED_S:
        try:
            found = [_of(access, host) for host in access.inventory.databases]
        except sql.ERRORS:
            found = []
        if found and all(one == found[0] for one in found):
            return time.monotonic() - began
        time.sleep(0.2)
    raise Problem(f"the servers have different settings after {APPLIED_S:g} s", "compare them by hand")

"""What an operator does before a group works again: a forced membership, a bootstrap, a start of members.

Members that left rejoin by themselves (the keeper of a deployed group). While a majority works, this only starts the
others.
"""

from collections.abc import Sequence

from firedrill.cluster.group_replication import operations, reports, sql
from firedrill.cluster.group_replication.reports import OFFLINE, ONLINE, Report
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.mysql_literal import literal

FORCE_S = 120.0
LOCAL = "SELECT @@group_replication_local_address"


def recover(access: Access) -> list[str]:
    """Do what is needed; a line for each action. Raises Problem."""
    found = reports.once(access)
    if reports.believed(found):
        return _start_the_others(access, found)
    if stuck := [report for report in found if report.mine.state == ONLINE]:
        return _force(access, stuck)
    return _bootstrap(access, found)


def _start_the_others(access: Access, found: Sequence[Report]) -> list[str]:
    """Start the servers that answer and are in no group; where there is a keeper, it does so."""
    lost = [report.name for report in found if report.error is None and report.mine.state in (OFFLINE, "ERROR")]
    if not access.foreign:
        return []
    for name in lost:
        _run(access, name, "STOP GROUP_REPLICATION", "START GROUP_REPLICATION")
    return [f"{name}: replication started" for name in lost]


def _force(access: Access, stuck: Sequence[Report]) -> list[str]:
    """Those that are left become the members: the writes that blocked go on."""
    names = [report.name for report in stuck]
    addresses = ",".join(_ask(access, name, LOCAL) for name in names)
    _run(
        access,
        names[0],
        f"SET GLOBAL group_replication_force_members = {literal(addresses)}",
        "SET GLOBAL group_replication_force_members = ''",
    )
    return [f"{names[0]}: forced the membership to {', '.join(names)}"]


def _bootstrap(access: Access, found: Sequence[Report]) -> list[str]:
    """Form the group on the server that has the transactions of all; every server must answer, to be sure."""
    if silent := [f"{report.name}: {report.error}" for report in found if report.error]:
        raise Problem(
            f"no server is in a group, and not all answer ({'; '.join(silent)}): they may have more transactions",
            "start them, or run `firedrill-group bootstrap` on the server that has the most",
        )
    name = most(access, {report.name: operations.executed(access, report.name) for report in found})
    _run(
        access,
        name,
        "STOP GROUP_REPLICATION",
        "SET GLOBAL group_replication_bootstrap_group = ON",
        "START GROUP_REPLICATION",
        "SET GLOBAL group_replication_bootstrap_group = OFF",
    )
    return [f"{name}: bootstrapped the group, as the server with all transactions"]


def most(access: Access, sets: dict[str, str]) -> str:
    """The server whose transactions include those of all others. Raises Problem if there is none."""
    for name, mine in sets.items():
        if all(_ask(access, name, "SELECT GTID_SUBSET(%s, %s)", other, mine) == "1" for other in sets.values()):
            return name
    shown = "; ".join(f"{name}: {mine}" for name, mine in sets.items())
    raise Problem(
        f"no server has the transactions of all others ({shown})",
        "decide which to keep, and run `firedrill-group bootstrap` there",
    )


def _ask(access: Access, name: str, statement: str, *values: str) -> str:
    try:
        connection = sql.connect(access.mysql_operator(access.inventory[name]), reports.DEADLINE_S)
        try:
            return str(sql.rows(connection, statement, values)[0][0])
        finally:
            reports.close(connection)
    except sql.ERRORS as error:
        raise Problem(f"{name}: no answer ({sql.cause(error)})", "check its error log") from None


def _run(access: Access, name: str, *statements: str) -> None:
    try:
        connection = sql.connect(access.mysql_operator(access.inventory[name]), reports.DEADLINE_S, FORCE_S)
        try:
            for statement in statements:
                sql.rows(connection, statement)
        finally:
            reports.close(connection)
    except sql.ERRORS as error:
        raise Problem(f"{name}: the group cannot be recovered ({sql.cause(error)})", "check its error log") from None

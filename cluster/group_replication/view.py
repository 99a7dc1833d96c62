"""The group as its majority sees it, and what it lacks for the steady state."""

from collections.abc import Sequence

from firedrill.cluster.group_replication import reports
from firedrill.cluster.group_replication.reports import OFFLINE, ONLINE, Report, Row
from firedrill.cluster.system import PRIMARY, REPLICA, STARTING, Member, View
from firedrill.inventories.access import Access


def view(access: Access) -> View:
    return of(access, reports.once(access))


def of(access: Access, found: Sequence[Report]) -> View:
    """The members that the believed report lists, and those servers of the inventory that it leaves out."""
    by_name = {report.name: report for report in found}
    known = reports.believed(found)
    if known is None:
        return View((), no_majority(found))
    listed = [_member(row, by_name.get(row.name), known.view) for row in known.rows]
    there = {member.name for member in listed}
    left = [_left(by_name[host.name]) for host in access.inventory.databases if host.name not in there]
    return View((*listed, *left))


def no_majority(found: Sequence[Report]) -> str:
    """Why no report is to be believed."""
    shown = ", ".join(f"{report.name} {report.error or report.mine.state}" for report in found)
    return f"no server sees a majority of the group ({shown or 'the inventory has no mysqld hosts'})"


def role(row: Row) -> str:
    """The neutral role of a member."""
    if row.state != ONLINE:
        return STARTING
    return PRIMARY if row.role == reports.LEADS else REPLICA


def _member(row: Row, own: Report | None, epoch: str | None) -> Member:
    """A primary is healthy if it accepts writes; one that does not answer here may do so for others."""
    found = role(row)
    writable = own is None or own.error is not None or not own.read_only
    return Member(
        name=row.name,
        role=found,
        state=row.state,
        epoch=epoch if row.state == ONLINE else None,
        healthy=row.state == ONLINE and (found != PRIMARY or writable),
        sync=found == REPLICA,
    )


def _left(own: Report) -> Member:
    """A server that is not in the group, as it reports itself."""
    state = "no answer" if own.error else own.mine.state
    return Member(own.name, STARTING, state if state != ONLINE else f"{OFFLINE} for the others", healthy=False)


def missing(access: Access, found: View) -> str | None:
    """What the group lacks for the steady state; None if nothing."""
    leader = found.leader
    listed = {host.name for host in access.inventory.databases}
    if leader is None or not leader.healthy:
        shown = ", ".join(f"{member.name} {member.role} {member.state}" for member in found.members)
        return f"no primary that accepts writes ({shown})"
    if leader.name not in listed:
        return f"the primary {leader.name} is not in the inventory"
    wrong = (f"{member.name} is {member.state}, wanted {ONLINE}" for member in found.members if not member.healthy)
    return next(wrong, None)

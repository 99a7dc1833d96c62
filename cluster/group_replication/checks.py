"""What the doctor tries of a group: its members and their settings, and the operator's credentials."""

from firedrill.cluster.group_replication import reports, settings, sql, view
from firedrill.cluster.system import MAY_CONFIGURE, WATCHED, Check, View
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

RIGHTS = ("GROUP_REPLICATION_ADMIN", "SYSTEM_VARIABLES_ADMIN")


def checks(access: Access) -> list[Check]:
    found = view.view(access)
    return [_timings(access, found), *([_membership(access, found)] if found.members else []), _credentials(access)]


def _timings(access: Access, found: View) -> Check:
    what, needed = "settings", "every expectation of a time; the target `leader`"
    if found.leader is None:
        return Check(what, False, found.error or "no primary", needed)
    now = settings.in_effect(access)
    shown = ", ".join(f"{name} {now[name]}" for name in settings.CHANGEABLE if name in now)
    return Check(what, True, f"{found.leader.name} leads {len(found.members)} members; {shown}", needed)


def _membership(access: Access, found: View) -> Check:
    """The members that the group reports, and those of the inventory."""
    what, needed = WATCHED, "no two primaries, no forks, no lost writes"
    there = {member.name for member in found.members if member.epoch is not None}
    listed = {host.name for host in access.inventory.databases}
    problems = [
        *(f"{name} of the group is not in the inventory: add its host" for name in sorted(there - listed)),
        *(f"{name} of the inventory is not a member of the group" for name in sorted(listed - there)),
    ]
    return Check(what, not problems, "; ".join(problems) or f"{', '.join(sorted(there))}, as in the inventory", needed)


def _credentials(access: Access) -> Check:
    """The operator logs in to every server, and has the rights; nothing is changed."""
    what, needed = MAY_CONFIGURE, "experiments that change settings; switchover; recovery after a lost majority"
    try:
        if not access.credential("group_replication"):
            return Check(what, None, "the inventory has no credentials `group_replication`", needed)
        for host in access.inventory.databases:
            connection = sql.connect(access.mysql_operator(host), reports.DEADLINE_S)
            try:
                granted = " ".join(str(row[0]) for row in sql.rows(connection, "SHOW GRANTS"))
            finally:
                reports.close(connection)
            if lacking := [right for right in RIGHTS if right not in granted]:
                return Check(what, False, f"{host.name}: the account lacks {', '.join(lacking)}", needed)
    except (*sql.ERRORS, Problem) as error:
        return Check(what, False, sql.cause(error), needed)
    return Check(what, True, "the operator may change settings on every server", needed)

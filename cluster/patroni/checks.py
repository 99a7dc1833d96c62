"""What the doctor tries of Patroni: the members and their settings, and the credentials of its REST API."""

from firedrill.cluster import names
from firedrill.cluster.patroni import coordinator, rest, settings
from firedrill.cluster.system import MAY_CONFIGURE, WATCHED, Check, View
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

SHOWN = ("ttl", "loop_wait", "retry_timeout", "synchronous_mode")


def checks(access: Access) -> list[Check]:
    view = rest.view(access)
    further = [membership(access, view), mode(view)] if view.members else []
    return [timings(access, view), *further, credentials(access)]


def timings(access: Access, view: View) -> Check:
    what, needed = "settings", "every expectation made from ttl and loop_wait; the target `leader`"
    if view.leader is None:
        return Check(what, False, view.error or "no leader", needed)
    now = settings.in_effect(access)
    shown = ", ".join(f"{name} {now[name]}" for name in SHOWN)
    return Check(what, True, f"{view.leader.name} leads {len(view.members)} members; {shown}", needed)


def membership(access: Access, view: View) -> Check:
    """The members that Patroni and etcd report, and those of the inventory."""
    what, needed = WATCHED, "no two primaries, no forks, no lost writes"
    found = {member.name for member in view.members}
    listed = {host.name for host in access.inventory.role("postgres")}
    problems = [
        *(f"{name} of Patroni is not in the inventory: add its host, or name it with `{names.MEMBER_KEY}`"
          for name in sorted(found - listed)),
        *(f"{name} of the inventory is not a member of Patroni's cluster" for name in sorted(listed - found)),
        *(f"{name} of etcd is not in the inventory" for name in _unlisted(access)),
    ]  # fmt: skip
    return Check(what, not problems, "; ".join(problems) or f"{', '.join(sorted(found))}, as in the inventory", needed)


def _unlisted(access: Access) -> list[str]:
    return sorted(set(coordinator.members(access)) - {host.name for host in access.inventory.role("etcd")})


def mode(view: View) -> Check:
    """Whether Patroni would fail over, and the tags that limit its members."""
    what, needed = "mode", "failover: every experiment"
    tags = ", ".join(f"{member.name}: {' '.join(member.tags)}" for member in view.members if member.tags)
    found = view.no_failover or "Patroni fails over"
    return Check(what, view.no_failover is None, f"{found}{f'; tags: {tags}' if tags else ''}", needed)


def credentials(access: Access) -> Check:
    """A key is set to the value it has: that changes nothing, and requires the credentials all the same."""
    what, needed = MAY_CONFIGURE, "experiments that change Patroni's settings"
    try:
        auth = access.credential("patroni_rest")
        if not auth:
            return Check(what, None, "the inventory has no credentials `patroni_rest`", needed)
        now = rest.dynamic_configuration(access)
        same = next({key: value} for key, value in now.items() if isinstance(value, int | str))
        rest.change_configuration(access, same)
    except Problem as problem:
        return Check(what, False, problem.cause, needed)
    except (ValueError, StopIteration) as error:
        return Check(what, False, f"not a configuration of Patroni's ({type(error).__name__})", needed)
    return Check(what, True, f"{auth[0]} may change settings", needed)

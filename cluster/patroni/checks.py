"""What the doctor tries of Patroni: the members and their settings, and the credentials of its REST API."""

from firedrill.cluster.patroni import rest, settings
from firedrill.cluster.system import MAY_CONFIGURE, Check
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

SHOWN = ("ttl", "loop_wait", "retry_timeout", "synchronous_mode")


def checks(access: Access) -> list[Check]:
    return [members(access), credentials(access)]


def members(access: Access) -> Check:
    what, needed = "settings", "every expectation made from ttl and loop_wait; the target `leader`"
    view = rest.view(access)
    if view.leader is None:
        return Check(what, False, view.error or "no leader", needed)
    unknown = sorted({m.name for m in view.members} - {host.name for host in access.inventory.role("postgres")})
    if unknown:
        text = f"Patroni reports the members {', '.join(unknown)}: name their hosts with `patroni_name`"
        return Check(what, False, text, needed)
    now = settings.in_effect(access)
    shown = ", ".join(f"{name} {now[name]}" for name in SHOWN)
    return Check(what, True, f"{view.leader.name} leads {len(view.members)} members; {shown}", needed)


def credentials(access: Access) -> Check:
    """A key is set to the value it has: that changes nothing, and requires the credentials all the same."""
    what, needed = MAY_CONFIGURE, "experiments that change Patroni's settings"
    try:
        auth = access.patroni_auth
        if not auth:
            return Check(what, None, "the inventory has none", needed)
        now = rest.dynamic_configuration(access)
        same = next({key: value} for key, value in now.items() if isinstance(value, int | str))
        rest.change_configuration(access, same)
    except Problem as problem:
        return Check(what, False, problem.cause, needed)
    except (ValueError, StopIteration) as error:
        return Check(what, False, f"not a configuration of Patroni's ({type(error).__name__})", needed)
    return Check(what, True, f"{auth[0]} may change settings", needed)

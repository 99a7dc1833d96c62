"""The cluster's own settings: whether they can be read, and whether the credentials to change them work."""

from typing import Any

import httpx

from firedrill.cluster import patroni
from firedrill.experiments.run.doctor.check import Check
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem


def dynamic(access: Access) -> Check:
    what, needed = "settings", "every expectation made from ttl and loop_wait; the target `leader`"
    view = patroni.view(access)
    if view.leader is None:
        return Check(what, False, view.error or "no leader", needed)
    strangers = sorted({m.name for m in view.members} - {host.name for host in access.inventory.role("postgres")})
    if strangers:
        found = f"Patroni has members {', '.join(strangers)}: name their hosts with `patroni_name`"
        return Check(what, False, found, needed)
    now = patroni.settings(access)
    shown = ", ".join(f"{name} {now[name]}" for name in ("ttl", "loop_wait", "retry_timeout", "synchronous_mode"))
    return Check(what, True, f"{view.leader.name} leads {len(view.members)} members; {shown}", needed)


def credentials(access: Access) -> Check:
    """A setting is set to its present value: that changes nothing, and needs the credentials."""
    what, needed = "REST credentials", "experiments that change the cluster's settings"
    try:
        auth = access.patroni_auth
    except Problem as problem:
        return Check(what, False, problem.cause, needed)
    if not auth:
        return Check(what, None, "the inventory has none", needed)
    url = f"{access.patroni_url(access.inventory.role('postgres')[0])}/config"
    options: dict[str, Any] = {"timeout": patroni.SECONDS} | access.patroni_options
    try:
        now = httpx.get(url, **options).raise_for_status().json()
        same = next({key: value} for key, value in now.items() if isinstance(value, int | str))
        httpx.patch(url, json=same, auth=auth, **options).raise_for_status()
    except (httpx.HTTPError, ValueError, StopIteration) as error:
        return Check(what, False, f"{type(error).__name__}: {error}".splitlines()[0], needed)
    return Check(what, True, f"{auth[0]} may change settings", needed)

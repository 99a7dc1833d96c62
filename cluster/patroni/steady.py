"""The steady state of a Patroni cluster: a leader, every other node streaming, a synchronous standby."""

from collections.abc import Mapping
from typing import Any

from firedrill.cluster.patroni import rest, settings
from firedrill.cluster.system import Member, View
from firedrill.inventories.access import Access

NOT_STREAMING = ("running", rest.STREAMING, "in archive recovery")  # well for a member with the tag nostream
MAX_LAG = 16 << 20  # bytes


def missing(access: Access, view: View) -> str | None:
    """What the cluster lacks for the steady state; None if nothing."""
    if view.modes:
        return view.no_failover
    leader = view.leader
    if leader is None or not leader.healthy:
        return f"no running leader ({', '.join(f'{m.name} {m.role} {m.state}' for m in view.members)})"
    members = {member.name: member for member in view.members}
    for host in access.inventory.role("postgres"):
        member = members.get(host.name)
        problem = f"{host.name} is not a member of the cluster" if member is None else _problem(member, leader)
        if problem:
            return problem
    now = settings.in_effect(access)
    return _unlisted_leader(access, view) or _missing_candidate(view, now) or _missing_standby(view, now)


def _unlisted_leader(access: Access, view: View) -> str | None:
    """A leader that the inventory does not list: no target resolves to it, and nobody watches it."""
    leader = view.leader
    listed = {host.name for host in access.inventory.role("postgres")}
    return f"the leader {leader.name} is not in the inventory" if leader and leader.name not in listed else None


def _missing_candidate(view: View, now: Mapping[str, Any]) -> str | None:
    """A replica that may lead, and lags by no more than Patroni accepts of a new leader."""
    limit = now.get("maximum_lag_on_failover")
    candidates = [member for member in view.members if member is not view.leader and member.can_lead]
    if not isinstance(limit, int) or not candidates or any((one.lag or 0) <= limit for one in candidates):
        return None
    shown = ", ".join(f"{one.name} by {one.lag} bytes" for one in candidates)
    return f"no replica may take over: maximum_lag_on_failover is {limit} bytes, and they lag ({shown})"


def _missing_standby(view: View, now: Mapping[str, Any]) -> str | None:
    """As many sync standbys as the cluster's settings ask for: with fewer of them it is degraded."""
    if now["synchronous_mode"] == "off":
        return None
    wanted, found = now.get("synchronous_node_count"), len(view.sync_standbys)
    wanted = wanted if isinstance(wanted, int) else 1
    if found >= wanted:
        return None
    return "no synchronous standby" if wanted == 1 else f"{found} synchronous standbys, wanted {wanted}"


def _problem(member: Member, leader: Member) -> str | None:
    if "nostream" in member.tags:
        return None if member.state in NOT_STREAMING else f"{member.name} is {member.state}, wanted an active replica"
    if not member.healthy:
        return f"{member.name} is {member.state}, wanted {rest.STREAMING}"
    if (lag := member.lag or 0) > MAX_LAG:
        return f"{member.name} lags by {lag >> 20} MiB"
    if member.epoch != leader.epoch:
        return f"{member.name} is on timeline {member.epoch}, the leader {leader.name} on {leader.epoch}"
    return None

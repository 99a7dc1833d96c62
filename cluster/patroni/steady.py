"""The steady state of a Patroni cluster: a leader, every other node streaming, a synchronous standby."""

from firedrill.cluster.patroni import rest, settings
from firedrill.cluster.system import Member, View
from firedrill.inventories.access import Access

MAX_LAG = 16 << 20  # bytes


def missing(access: Access, view: View) -> str | None:
    """What the cluster lacks for the steady state; None if nothing."""
    leader = view.leader
    if leader is None or not leader.healthy:
        return f"no running leader ({', '.join(f'{m.name} {m.role} {m.state}' for m in view.members)})"
    members = {member.name: member for member in view.members}
    for host in access.inventory.role("postgres"):
        member = members.get(host.name)
        problem = f"{host.name} is not a member of the cluster" if member is None else _problem(member, leader)
        if problem:
            return problem
    if not view.sync_standbys and settings.in_effect(access)["synchronous_mode"] != "off":
        return "no synchronous standby"
    return None


def _problem(member: Member, leader: Member) -> str | None:
    if not member.healthy:
        return f"{member.name} is {member.state}, wanted {rest.STREAMING}"
    if (lag := member.lag or 0) > MAX_LAG:
        return f"{member.name} lags by {lag >> 20} MiB"
    if member.epoch != leader.epoch:
        return f"{member.name} is on timeline {member.epoch}, the leader {leader.name} on {leader.epoch}"
    return None

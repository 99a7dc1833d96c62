"""The steady state: what a healthy cluster is."""

from firedrill.cluster import patroni
from firedrill.inventories.access import Access

RUNNING = ("running", "streaming")
MOST_BEHIND = 16 << 20  # bytes


def what_is_missing(view: patroni.View, access: Access) -> str | None:
    """A leader, every other node streaming from its timeline, a synchronous standby; None where all is there."""
    leader = view.leader
    if leader is None or leader.state != "running":
        return f"no running leader ({', '.join(f'{m.name} {m.role} {m.state}' for m in view.members)})"
    members = {member.name: member for member in view.members}
    for host in access.inventory.role("postgres"):
        member = members.get(host.name)
        if member is None:
            return f"{host.name} is no member of the cluster"
        if member.state not in RUNNING or (member is not leader and member.state != "streaming"):
            return f"{host.name} is {member.state}, wanted streaming"
        if (member.lag or 0) > MOST_BEHIND:
            return f"{host.name} is {member.lag >> 20} MiB behind"
        if member.timeline != leader.timeline:
            return f"{host.name} is on timeline {member.timeline}, the leader {leader.name} on {leader.timeline}"
    if not view.sync_standbys and patroni.settings(access)["synchronous_mode"] != "off":
        return "no synchronous standby"
    return None

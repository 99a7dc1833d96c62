"""The steady state, as Patroni tells it: what a cluster must be before it is broken on purpose."""

from faults import cluster, engine
from faults.protocol import Refused
from inventories.access import Access

RUNNING = ("running", "streaming")
MOST_BEHIND = 16 << 20  # bytes


def what_is_missing(view: cluster.View, access: Access) -> str | None:
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
    if not view.sync_standbys and cluster.settings(access)["synchronous_mode"] != "off":
        return "no synchronous standby"
    return None


def refuse_unsteady(access: Access) -> None:
    """Raises Refused where the inventory's cluster is not whole, with what is active on its hosts already."""
    if not access.inventory.role("postgres"):
        return
    view = cluster.view(access)
    missing = view.error or what_is_missing(view, access)
    if missing is None:
        return
    with engine.connected(access.inventory.hosts) as connections:
        active = [f"{entry.fault} {entry.id} on {entry.host}" for entry in engine.active(access, connections)]
    held = f"; active already: {', '.join(active)}" if active else ""
    remedy = "`faults heal --all`, or mend it" if active else "mend it"
    raise Refused(f"the cluster is not whole ({missing}){held}", f"{remedy}; say `--unsteady` to go on anyway")

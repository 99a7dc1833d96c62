"""What an inventory lacks for an experiment. Finding out changes nothing."""

from dataclasses import replace

from firedrill.cluster import ssh
from firedrill.experiments.model import Experiment, Needs
from firedrill.faults import capability
from firedrill.faults.protocol import Target
from firedrill.inventories.access import Access

ROLES = ("etcd", "postgres", "proxy", "app")


def missing(experiment: Experiment, access: Access) -> list[str]:
    """Why this experiment cannot run here, one sentence per reason."""
    return [*_of_inventory(experiment.needs, access), *_of_kernels(experiment.needs, access)]


def _of_inventory(needs: Needs, access: Access) -> list[str]:
    found = []
    for role in ROLES:
        wanted, there = getattr(needs, role), len(access.inventory.role(role))
        if there < wanted:
            found.append(f"it needs {wanted} hosts with the role {role}, the inventory has {there}")
    if needs.vip and not access.inventory.data.get("vip"):
        found.append("it needs a floating address (`vip`), the inventory has none")
    for verb in needs.power:
        lacking = [host.name for host in access.inventory.hosts if verb not in host.data.get("power", {})]
        if lacking:
            found.append(f"it needs the power command `{verb}`, which {', '.join(lacking)} lack")
    return found


def _of_kernels(needs: Needs, access: Access) -> list[str]:
    """Tried on every database host that answers; the run itself deals with one that does not."""
    found = []
    for host in access.inventory.role("postgres") if needs.kernel else ():
        if not ssh.answers(host):
            continue
        with ssh.connect(host) as connection:
            target = Target("0" * 8, host.name, host, access, 60, connection)
            found += [f"{host.name}: {reason}" for reason in capability.missing(target, *needs.kernel)]
    return found


def without_vip(access: Access) -> Access:
    """The same cluster as if it had no floating address: clients go to the first proxy."""
    hosts = (
        replace(host, data={key: value for key, value in host.data.items() if key != "vip"})
        for host in access.inventory.hosts
    )
    return replace(access, inventory=replace(access.inventory, hosts=tuple(hosts)))

"""What an inventory lacks for an experiment. Finding out changes nothing."""

from dataclasses import replace

from firedrill.cluster import ssh
from firedrill.cluster.system import System
from firedrill.cluster.systems import SYSTEMS, system_of
from firedrill.experiments.model import Bound, Experiment, Needs
from firedrill.experiments.steps import Inject
from firedrill.faults import capability, lookup
from firedrill.faults.connections import connected
from firedrill.faults.protocol import Fault, Refused, Target
from firedrill.faults.resource import storage
from firedrill.faults.targets import resolve
from firedrill.inventories import profiles
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem


def missing(experiment: Experiment, access: Access) -> list[str]:
    """Why this experiment cannot run here, one sentence per reason."""
    return [
        *not_here(experiment, access),
        *_of_inventory(experiment.needs, access),
        *_of_timings(experiment, access),
        *_of_kernels(experiment.needs, access),
        *_of_backend(experiment, access),
    ]


def not_here(experiment: Experiment, access: Access) -> list[str]:
    """What it is about that this cluster does not have, by the inventory alone."""
    monitoring = of_monitoring(experiment.needs, access)
    return [*of_system(experiment, access), *of_fence(experiment, access), *monitoring]


def of_system(experiment: Experiment, access: Access) -> list[str]:
    """Why it makes no sense on this kind of cluster: its own reason; processes, targets, faults of another kind."""
    mine = system_of(access.inventory)
    if experiment.only_on and mine.name not in experiment.only_on:
        return list(experiment.only_on.values())
    if mine.name in experiment.not_on:
        return [experiment.not_on[mine.name]]
    others = [system for system in SYSTEMS.values() if system is not mine]
    processes = {name for system in others for name in _processes(system)} - _processes(mine)
    targets = {name for system in others for name in _targets(system)} - _targets(mine)
    found = []
    for step in (step for step in experiment.steps if isinstance(step, Inject)):
        process, wanted = getattr(step.fault, "process", None), getattr(step.fault, "systems", ())
        if process in processes:
            found.append(f"it is about the process {process}, which {mine.title} does not have")
        if wanted and mine.name not in wanted:
            found.append(f"its fault {lookup.name_of(step.fault)} is for {', '.join(wanted)}")
        named = f"{step.target},{getattr(step.fault, 'peers', '')}"
        aimed = {part for one in named.split(",") for part in (one.strip(), _role(one.strip()))} & targets
        found += [f"it is about {name}, which {mine.title} does not have" for name in sorted(aimed)]
    return list(dict.fromkeys(found))


def of_fence(experiment: Experiment, access: Access) -> list[str]:
    """That it is about the fence, in modes that this cluster's is not in."""
    wanted, found = experiment.needs.fence, access.data["fence"]
    if not wanted or found in wanted:
        return []
    return [f"it is about the fence ({' or '.join(wanted)}), and `fence` is {found} in the inventory"]


def _processes(system: System) -> set[str]:
    return {system.database_role, *(name for names in system.services.values() for name in names)}


def _targets(system: System) -> set[str]:
    roles = {role for role in (system.database_role, system.coordinator_role) if role}
    return {*system.targets, *roles}


def _role(target: str) -> str:
    """The role in `group:etcd:1`; a target of another form is no role."""
    return target.split(":")[1] if target.startswith("group:") else ""


def _of_backend(experiment: Experiment, access: Access) -> list[str]:
    """Why the backend that was asked for cannot carry out a fault on a host that it would hit now."""
    steps = [step for step in experiment.steps if isinstance(step, Inject)] if experiment.backend else []
    return list(dict.fromkeys(reason for step in steps for reason in _refusals(step, access)))


def _refusals(step: Inject, access: Access) -> list[str]:
    try:
        hosts = tuple(resolve(step.target, access))
    except Problem:  # a role that only the run itself knows
        return []
    with connected(hosts) as connections:
        targets = [Target("0" * 8, step.target, host, access, 60, connections[host.name]) for host in hosts]
        reasons = [_refusal(step.fault, replace(target, together=hosts)) for target in targets if target.connection]
    return [reason for reason in reasons if reason]


def _refusal(fault: Fault, target: Target) -> str:
    try:
        fault.refuse(target)
    except Refused as problem:
        return problem.cause
    return ""


def _of_timings(experiment: Experiment, access: Access) -> list[str]:
    """An existing cluster's proxies have timings that only the inventory can tell."""
    if of_fence(experiment, access):
        return []
    bounds = [*(expect.wanted for expect in experiment.expectations), *experiment.settings.values()]
    wanted = dict.fromkeys(name for bound in bounds if isinstance(bound, Bound) for name in bound.factors)
    lacking = [name for name in wanted if name not in access.profile | profiles.fence(access.data)]
    known = system_of(access.inventory).settings(access) if lacking else {}
    return [f"it needs the timing `{name}`: set it in `timings`" for name in lacking if name not in known]


def _of_inventory(needs: Needs, access: Access) -> list[str]:
    found = []
    for role, wanted in _hosts(needs, access):
        there = len(access.inventory.role(role))
        if there < wanted:
            found.append(f"it needs {wanted} hosts with the role {role}, the inventory has {there}")
    if needs.vip and not access.inventory.data.get("vip"):
        found.append("it needs a floating address (`vip`), the inventory has none")
    for verb in needs.power:
        lacking = [host.name for host in access.inventory.hosts if verb not in host.power]
        if lacking:
            found.append(f"it needs the power command `{verb}`, which {', '.join(lacking)} lack")
    return found


def of_monitoring(needs: Needs, access: Access) -> list[str]:
    """What an experiment about alerts lacks."""
    known = access.monitoring
    there = len(known.prometheus) if known else 0
    if there >= needs.monitors:
        return []
    wanted = "monitoring" if needs.monitors == 1 else f"{needs.monitors} monitors"
    return [f"it needs {wanted}, the inventory has {there or 'none'}: docs/monitoring.md"]


def _hosts(needs: Needs, access: Access) -> list[tuple[str, int]]:
    """The roles of the cluster's system, and how many hosts of each are needed."""
    system = system_of(access.inventory)
    coordinators = [(system.coordinator_role, needs.coordinators)] if system.coordinator_role else []
    return [*coordinators, (system.database_role, needs.databases), ("proxy", needs.proxies), ("app", needs.apps)]


def _of_kernels(needs: Needs, access: Access) -> list[str]:
    """Tried on every database host that answers; the run itself deals with one that does not."""
    found = []
    system = system_of(access.inventory)
    for host in access.inventory.role(system.database_role) if needs.kernel or needs.data_mount else ():
        if not ssh.answers(host):
            continue
        with ssh.connect(host) as connection:
            target = Target("0" * 8, host.name, host, access, 60, connection)
            lacking = [f"{host.name}: {reason}" for reason in capability.missing(target, *needs.kernel)]
            found += lacking or (_of_storage(target, system.data_folder) if needs.data_mount else [])
    return found


def _of_storage(target: Target, folder: str) -> list[str]:
    try:
        storage.of_its_own(target, folder)
    except Refused as refused:
        return [refused.cause]
    return []


def without_vip(access: Access) -> Access:
    """The same cluster as if it had no floating address: clients go to the first proxy."""
    hosts = (
        replace(host, data={key: value for key, value in host.data.items() if key != "vip"})
        for host in access.inventory.hosts
    )
    return replace(access, inventory=replace(access.inventory, hosts=tuple(hosts)), one_proxy=True)

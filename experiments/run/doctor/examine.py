"""Try everything, and work out which experiments are possible."""

from typing import Any

from firedrill.cluster import membership, verified
from firedrill.cluster.each import each
from firedrill.cluster.system import Check
from firedrill.cluster.systems import system_of
from firedrill.experiments.catalogue import EXPERIMENTS
from firedrill.experiments.run import roles
from firedrill.experiments.run.doctor import drills, hosts, observers, users
from firedrill.faults.connections import connected
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem


def examine(access: Access) -> dict[str, list[dict[str, Any]]]:
    """Try everything: {"checks": [...], "experiments": [...]}. Raises Problem."""
    system = system_of(access.inventory)
    if not access.inventory.role(system.database_role):
        role = system.database_role
        raise Problem(f"{access.inventory.path} has no host with the role {role}", "add the database hosts to it")
    verified.require_files(access)
    with connected(access.inventory.hosts) as connections:
        looked = each(lambda host: hosts.checks(host, connections[host.name]), access.inventory.hosts)
        checks = [check for of_host in looked for check in of_host]
        checks += [*system.checks(access), verified.check(access)]
        checks += [*observers.checks(access), users.check(access), power(access)]
        view = system.view(access)
        now = roles.initial(view, membership.unwatched(access, view))
        begun = [drills.begun(it, now) for it in EXPERIMENTS.values()]
        possible = [drills.possible(it, access, view, checks, connections) for it in begun]
    return {"checks": [vars(check) for check in checks], "experiments": possible}


def power(access: Access) -> Check:
    """Only what the inventory says: power commands are not run here."""
    without = [host.name for host in access.inventory.hosts if not {"power_on", "power_off"} <= host.power.keys()]
    if without:
        return Check("power", None, f"no power_on and power_off for {', '.join(without)}", "power cuts")
    return Check("power", True, "every host has its commands; try them by hand", "power cuts")

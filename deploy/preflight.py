"""Refuse what cannot become a cluster before anything is changed: one line with cause and remedy, exit 2."""

import ipaddress
import sys
from typing import Any

from pyinfra import state

from firedrill.deploy import systems, topology
from firedrill.deploy.refused import Refused
from firedrill.deploy.version_checks import check_versions
from firedrill.deploy.watchdog import check_watchdog
from firedrill.inventories import profiles, read
from firedrill.inventories.errors import InventoryProblem, Problem, of_system
from firedrill.inventories.read import Host

# Patroni 3.2 and later adjusts smaller or inconsistent values silently; a drill would measure other timings.
FLOORS = {"ttl": 20, "loop_wait": 1, "retry_timeout": 3}


def preflight() -> None:
    """Check the inventory, its timings and that all hosts were reached. Exits 2 otherwise."""
    _stop_at_the_first_failure()
    try:
        hosts = topology.hosts()
        read.check(topology.path(), hosts)
        check_addresses(hosts)
        check_roles(hosts)
        check_timings(hosts[0].data)
        check_secrets()
        check_certificates(hosts[0].data)
        check_reached(hosts, {topology.plain(host.name) for host in state.failed_hosts})
        check_watchdog()
        for notice in check_versions():
            print(f"deploy: {notice}", file=sys.stderr)
    except Problem as problem:
        raise Refused(str(problem)) from None


def _stop_at_the_first_failure() -> None:
    """Otherwise pyinfra continues with the remaining hosts when a wait passes its deadline."""
    if state.config.FAIL_PERCENT is None:
        state.config.FAIL_PERCENT = 0
        # pyinfra resets what a deploy file sets at the end of the file, unless it is locked.
        state.config.lock_current_state()


def check_addresses(hosts: tuple[Host, ...]) -> None:
    """Services listen on these addresses, so names are not accepted."""
    for host in hosts:
        try:
            ipaddress.ip_address(host.address)
        except ValueError:
            raise InventoryProblem(
                f"{host.name} has the address {host.address!r}",
                "set ssh_hostname to the IP address that its services should listen on",
            ) from None


def check_roles(hosts: tuple[Host, ...]) -> None:
    """Refuse a role without the role that it needs."""
    database = systems.of(hosts[0].data).role
    needs = {"postgres": "etcd", "proxy": database, "app": "proxy"}
    present = {role for host in hosts for role in host.roles}
    for role, needed in needs.items():
        if role in present and needed not in present:
            raise InventoryProblem(f"the inventory has {role} hosts but no {needed} host", f"add one to {needed}")


def check_timings(data: dict[str, Any]) -> None:
    """Patroni's floors, and loop_wait + 2 * retry_timeout <= ttl."""
    name = data["profile"]
    if name not in data["profiles"]:
        raise InventoryProblem(f"no profile {name!r}", f"the profiles are {', '.join(data['profiles'])}")
    timings = profiles.settings(data)
    for setting, floor in FLOORS.items():
        if timings[setting] < floor:
            raise InventoryProblem(
                f"profile {name} has {setting} {timings[setting]}, Patroni's minimum is {floor}",
                f"raise it to {floor} or more",
            )
    needed = timings["loop_wait"] + 2 * timings["retry_timeout"]
    if needed > timings["ttl"]:
        raise InventoryProblem(
            f"profile {name} has loop_wait + 2 * retry_timeout = {needed}, more than its ttl {timings['ttl']}",
            "raise ttl or lower one of the others, or Patroni adjusts them silently",
        )


def check_secrets() -> None:
    """Ask for each secret now: a source that has none must not end the deploy halfway."""
    try:
        dict(topology.passwords())
    except OSError as error:
        raise of_system(error) from None


def check_certificates(data: dict[str, Any]) -> None:
    """Make and renew those of our own CA; refuse flawed ones of the user's."""
    try:
        if data["tls"]:
            topology.certificates()
    except OSError as error:
        raise of_system(error) from None


def check_reached(hosts: tuple[Host, ...], failed: set[str]) -> None:
    """pyinfra itself continues without a host that it cannot connect to, and exits 0."""
    for host in hosts:
        if host.name in failed:
            command = host.data.get("power", {}).get("power_on", "")
            start = command.format(name=host.name, address=host.address, inventory=topology.path())
            raise InventoryProblem(
                f"{host.name} ({host.address}) cannot be reached over SSH",
                f"start it{f' (`{start}`)' if start else ''}, or leave it out with --exclude {host.name}",
            )

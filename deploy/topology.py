"""The cluster as seen by a deploy: the roles of all hosts, and the values for templates.

Built from pyinfra's inventory, once per process. A host's data always includes our defaults: pyinfra itself reads
group_data only next to the inventory and in the working folder.
"""

import functools
import ipaddress
import socket
import sys
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pyinfra import host, inventory, state

from firedrill import package
from firedrill.inventories import profiles, read, secrets
from firedrill.inventories.access import DATABASE, PROBE_USER
from firedrill.inventories.certificates import Certificates, load
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import ROLES, Host, defaults, with_defaults

PSEUDO_GROUPS = {"all", "@fake"}
# Of the CA and the certificates on a host.
TLS_FOLDER = "/etc/firedrill/tls"


@functools.cache
def hosts() -> tuple[Host, ...]:
    """All hosts of the inventory in its order, including those excluded by --limit."""
    found = list(inventory)
    everyone = {group for group in found[0].groups if all(group in other.groups for other in found)}
    return tuple(_host(item, everyone) for item in found)


def _host(item, everyone: set[str]) -> Host:
    groups = set(item.groups)
    # pyinfra puts all hosts in a group named after the inventory's file.
    if unknown := sorted(groups - set(ROLES) - PSEUDO_GROUPS - everyone):
        raise InventoryProblem(
            f"{item.name} in {path()} has the unknown role {unknown[0]!r}",
            f"the roles are {', '.join(ROLES)}; prefix the names of helper variables with an underscore",
        )
    name = plain(item.name)
    return Host(
        name=name,
        address=item.data.get("ssh_hostname") or name,
        roles=tuple(role for role in ROLES if role in groups),
        data=with_defaults(item.data.dict(), defaults()),
    )


def plain(name: str) -> str:
    """The name of a host in the inventory, without the prefix of pyinfra's connector."""
    return name.removeprefix("@fake/")


def path() -> Path:
    """The inventory file, for messages."""
    return Path(next((argument for argument in sys.argv[1:] if argument.endswith(".py")), "the inventory"))


def members(role: str) -> tuple[Host, ...]:
    """The hosts with this role."""
    return tuple(one for one in hosts() if role in one.roles)


def first(role: str) -> Host | None:
    """The first host with this role that takes part in this run: it does what is done once."""
    here = {plain(item.name) for item in state.activated_hosts}
    return next((one for one in members(role) if one.name in here), None)


def monitors() -> tuple[Host, ...]:
    """The hosts that monitor the cluster; without one, no host has a part of the monitoring."""
    return read.monitors(hosts())


def me() -> Host:
    """The current host."""
    name = plain(host.name)
    return next(one for one in hosts() if one.name == name)


def data() -> dict[str, Any]:
    """The data of the current host."""
    return me().data


def has(role: str) -> bool:
    """Whether the current host has this role."""
    return role in me().roles


@functools.cache
def passwords() -> secrets.Secrets:
    """The cluster's passwords, with the new ones of rotated secrets; the first deploy creates them, a plan does not."""
    return secrets.coming(hosts()[0].data, keep=not is_plan())


def is_plan() -> bool:
    """Whether nothing is to be changed, neither on a host nor on this machine."""
    return "--dry" in sys.argv


def complete() -> bool:
    """Whether all hosts take part in this run: no --limit, no --exclude."""
    return len(state.activated_hosts) == len(hosts())


def left_out(role: str) -> list[str]:
    """The hosts with this role that --limit or --exclude leaves out."""
    out = {plain(item.name) for item in inventory if not state.is_host_in_limit(item)}
    return [one.name for one in members(role) if one.name in out]


def rotated() -> list[str]:
    """The secrets whose new passwords this deploy carries to the services."""
    return secrets.waiting(hosts()[0].data)


@functools.cache
def certificates() -> Certificates:
    """The cluster's certificates; a deploy makes what is missing and renews what ends soon."""
    return load(hosts(), hosts()[0].data, keep=not is_plan())


def profile() -> dict[str, Any]:
    """The values of the profile in use."""
    return profiles.settings(data())


def scheme() -> str:
    """Of the services of the cluster."""
    return "https" if data()["tls"] else "http"


def front() -> str:
    """The address of the proxies for clients: the floating address, or a list of all of them for libpq."""
    return data().get("vip") or ",".join(one.address for one in members("proxy"))


def logins() -> list[tuple[str, str]]:
    """Who may log in to PostgreSQL from where: the app through the proxies, the probes from this machine, too.

    (users, network); both users from the networks in `client_networks`.
    """
    given = hosts()[0].data["client_networks"]
    both = {str(ipaddress.ip_network(one)) for one in (*given, *(proxy.address for proxy in members("proxy")))}
    probes = {str(ipaddress.ip_network(address)) for address in [controller()] if address} - both
    users = f"{DATABASE},{PROBE_USER}"
    return [*((users, network) for network in sorted(both)), *((PROBE_USER, network) for network in sorted(probes))]


@functools.cache
def controller() -> str | None:
    """This machine's address as seen by the hosts, if there is no NAT in between. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((hosts()[0].address, 9))
            return probe.getsockname()[0]
        except OSError:
            return None


@functools.cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(package.file("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(template: str, **values: Any) -> str:
    """Render a template with `data` (of this host), `me`, `members`, `profile`, `tls_folder`, `monitored`, `values`."""
    known = {"data": data(), "me": me(), "members": members, "profile": profile(), "tls_folder": TLS_FOLDER}
    known |= {"monitored": bool(monitors())}
    return _templates().get_template(template).render(**known, **values)

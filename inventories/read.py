"""Read an inventory file the way pyinfra does, and refuse one that cannot describe a working cluster.

pyinfra itself reads the file, so that group data and overrides mean here what they mean in a deploy. It runs in a
separate process, because importing its command line patches the process with gevent.
"""

import ast
import ipaddress
import json
import os
import re
import runpy
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from subprocess import run
from typing import Any

from firedrill import package
from firedrill.inventories import keys, monitoring_values, values
from firedrill.inventories.errors import InventoryProblem

ROLES = ("etcd", "postgres", "mysqld", "proxy", "app", "monitor")
DATABASES = ("postgres", "mysqld")  # of an inventory, one
MAJORITIES = ("etcd", "mysqld")  # whose members decide by majority
DEFAULT = "inventories/lab.py"
GROUP_DATA = package.file("inventories/group_data/all.py")
# Dictionaries merged entry by entry, as are `profiles`: an inventory sets only the entries that differ.
MERGED = (
    "ports", "units", "credentials", "haproxy_backends", "group_replication", "watchdog", "packages",
    "exporter_packages", "deadlines",
)  # fmt: skip
# What the hosts of a cluster have in common: the first one's counts for most of a deploy.
SHARED = (
    "cluster", "patroni_namespace", "system", "foreign", "tls", "vip", "secrets_file", "database", "profile",
    "durability", "synchronous_nodes", "fence", "virtual_router_id",
)  # fmt: skip
# A host's name is part of paths and commands; a local host's is its host name, too.
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
LAB_NAME = re.compile(r"[a-z][a-z0-9-]{0,20}")
BRIDGE = re.compile(r"[a-z][a-z0-9_-]{0,14}")  # the kernel takes 15 characters


@dataclass(frozen=True)
class Host:
    """A host of an inventory: its name, address, roles and data."""

    name: str
    address: str
    roles: tuple[str, ...]
    data: dict[str, Any] = field(hash=False, repr=False)

    @property
    def power(self) -> dict[str, str]:
        """The commands for its power, by verb."""
        return self.data.get("power") or {}

    @property
    def made_by(self) -> dict[str, str]:
        """The settings of the lab that it belongs to; none if it is no local host."""
        return self.data.get("lab") or {}


@dataclass(frozen=True)
class Inventory:
    """The hosts of an inventory file, in the order of the file."""

    path: Path
    hosts: tuple[Host, ...]

    def __getitem__(self, name: str) -> Host:
        for host in self.hosts:
            if host.name == name:
                return host
        names = ", ".join(host.name for host in self.hosts)
        raise InventoryProblem(f"no host {name!r} in {self.path}", f"its hosts are {names}")

    def role(self, role: str) -> tuple[Host, ...]:
        """The hosts with this role, in the order of the file."""
        return tuple(host for host in self.hosts if role in host.roles)

    @property
    def databases(self) -> tuple[Host, ...]:
        """The database hosts, whichever their system is."""
        return tuple(host for host in self.hosts if set(DATABASES) & set(host.roles))

    @property
    def data(self) -> dict[str, Any]:
        """The data of the first host, for settings that all hosts share."""
        return self.hosts[0].data


def monitors(hosts: Iterable[Host]) -> tuple[Host, ...]:
    """The hosts that monitor the cluster. If there is none, nothing of the monitoring is on any host."""
    return tuple(host for host in hosts if "monitor" in host.roles and host.data["monitored"])


def default_path() -> str:
    """The inventory when none is named: $FIREDRILL_INVENTORY, ./inventories/lab.py, or this package's own local lab."""
    if named := os.environ.get("FIREDRILL_INVENTORY"):
        return named
    return DEFAULT if Path(DEFAULT).is_file() else str(package.file(DEFAULT))


def read(path: str | Path | None = None) -> Inventory:
    """Read and check an inventory file. Raises InventoryProblem with the cause and the remedy."""
    if path is not None and not str(path):  # of an unset variable: not the default, or another cluster is struck
        raise InventoryProblem("the inventory's name is empty", "name a file with -i, or leave -i out")
    path = Path(path or default_path()).resolve()
    if not path.is_file():
        raise InventoryProblem(f"no inventory file {path}", "name one with -i, such as inventories/lab.py")
    known = defaults()
    refuse_overridden(path)
    hosts = tuple(_host(path, item | {"data": with_defaults(item["data"], known)}) for item in _ask_pyinfra(path))
    check(path, hosts)
    return Inventory(path, hosts)


def defaults() -> dict[str, Any]:
    """The defaults of every inventory. pyinfra itself finds them only next to an inventory."""
    return {key: value for key, value in runpy.run_path(str(GROUP_DATA)).items() if not key.startswith("_")}


@cache
def _default_parameters() -> dict[str, Any]:
    return dict(defaults()["postgres_parameters"])


def postgres_parameters(data: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults, with an inventory's own `postgres_parameters` in their place or in addition."""
    return _default_parameters() | data["postgres_parameters"]


def refuse_overridden(path: Path) -> None:
    """Refuse data of the group `all` that pyinfra would let a group_data/all.py override. Raises InventoryProblem."""
    given = _keys_of_all(_parsed(path))
    for folder in {path.parent, Path.cwd()}:
        file = folder / "group_data" / "all.py"
        if file.is_file() and (overridden := _assigned(_parsed(file)) & given):
            raise InventoryProblem(
                f"{', '.join(map(repr, sorted(overridden)))} in the data of all hosts in {path} has no effect: "
                f"{file} overrides it",
                "set it for each host, or keep the inventory in a folder without group_data",
            )


def _parsed(file: Path) -> list[ast.stmt]:
    """The statements of a Python file. Raises InventoryProblem: pyinfra's own message would not name the line."""
    try:
        return ast.parse(file.read_bytes(), file.name).body
    except (SyntaxError, ValueError) as error:
        raise InventoryProblem(f"{file} cannot be read ({type(error).__name__}: {error})", "fix the file") from None


def _assigned(body: list[ast.stmt]) -> set[str]:
    """The names that a file assigns at its top."""
    plain = {ast.unparse(target) for node in body if isinstance(node, ast.Assign) for target in node.targets}
    return plain | {ast.unparse(node.target) for node in body if isinstance(node, ast.AnnAssign)}


def _keys_of_all(body: list[ast.stmt]) -> set[str]:
    """The keys of the data that an inventory file gives to all hosts: `all = (hosts, {"key": ...})`."""
    return {
        key.value
        for node in body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["all"]
        if isinstance(node.value, ast.Tuple)
        for data in node.value.elts[-1:]
        if isinstance(data, ast.Dict)
        for key in data.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def with_defaults(data: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """A host's data on top of the defaults; MERGED entry by entry."""
    given = {key: data.get(key) or {} for key in MERGED}
    merged = {key: known[key] | own for key, own in given.items() if isinstance(own, dict)}  # else values.py refuses it
    return known | data | merged | {"profiles": _profiles(data.get("profiles"), known["profiles"])}


def _profiles(own: Any, known: dict[str, Any]) -> Any:
    """The profiles: known ones with an inventory's entries on top, and its own on top of `fast`."""
    if not isinstance(own, dict) or not all(isinstance(profile, dict) for profile in own.values()):
        return known if own is None else own  # values.py refuses it
    return known | {name: known.get(name, known["fast"]) | profile for name, profile in own.items()}


def _ask_pyinfra(path: Path) -> list[dict[str, Any]]:
    command = package.command("pyinfra", "--json", str(path), "debug-inventory")
    done = run(command, capture_output=True, text=True, env=package.environment(), check=False)
    if done.returncode == 0 and done.stdout.startswith("["):
        return json.loads(done.stdout)
    last = (done.stderr.strip() or done.stdout.strip() or "no answer").splitlines()[-1].strip()
    raise InventoryProblem(f"{path} cannot be read ({last})", "fix the file; pyinfra reads it as Python")


def _host(path: Path, item: dict[str, Any]) -> Host:
    data = item["data"]
    address = data.get("ssh_hostname", item["name"].removeprefix("@fake/"))
    groups = set(item["groups"]) - {"all", path.stem, "@fake", "fake"}
    roles = tuple(role for role in ROLES if role in groups)
    if unknown := sorted(groups - set(ROLES)):
        raise InventoryProblem(
            f"{item['name']} in {path} has the unknown role {unknown[0]!r}",
            f"the roles are {', '.join(ROLES)}; prefix the names of helper variables with an underscore",
        )
    return Host(item["name"].removeprefix("@fake/"), address, roles, data)


def check(path: Path, hosts: tuple[Host, ...]) -> None:
    """Refuse what cannot work: unknown keys, no hosts, a host without a role, a shared address, an even etcd."""
    if path.stem in ROLES:
        raise InventoryProblem(
            f"{path} is named after the role {path.stem!r}, and pyinfra names a group of all hosts after it",
            f"rename it, for instance to my_{path.name}",
        )
    if not hosts:
        raise InventoryProblem(f"{path} has no hosts", "add them to groups named after roles")
    known = defaults()
    for host in hosts:
        _check_name(path, host.name, NAME, "letters, digits, dots, dashes and underscores")
        if not host.roles:
            raise InventoryProblem(f"{host.name} in {path} has no role", f"add it to one of {', '.join(ROLES)}")
        keys.check(path, host.name, host.data, known)
    _check_shared(path, hosts)
    _check_addresses(path, hosts)
    monitoring_values.check_group(str(path), hosts[0].data, has_hosts=bool(monitors(hosts)))
    for role in MAJORITIES:
        members = [host.name for host in hosts if role in host.roles]
        if members and len(members) % 2 == 0:
            raise InventoryProblem(
                f"{path} has {len(members)} {role} members ({', '.join(members)})",
                "use an odd number: an even one tolerates no more failures than one member fewer",
            )


def _check_name(path: Path, name: str, pattern: re.Pattern[str], allowed: str) -> None:
    if not pattern.fullmatch(name):
        raise InventoryProblem(f"{path}: {name!r} is not a valid host name", f"use {allowed}, at most 63 characters")


def _check_shared(path: Path, hosts: tuple[Host, ...]) -> None:
    first = hosts[0]
    for key in SHARED:
        for host in hosts:
            if host.data.get(key) != first.data.get(key):
                raise InventoryProblem(
                    f"{host.name} in {path} has {key} {host.data.get(key)!r}, {first.name} has {first.data.get(key)!r}",
                    "give all hosts the same: they are one cluster",
                )


def _check_addresses(path: Path, hosts: tuple[Host, ...]) -> None:
    counted = Counter(host.address for host in hosts)
    shared, count = counted.most_common(1)[0]
    if count > 1:
        names = ", ".join(host.name for host in hosts if host.address == shared)
        raise InventoryProblem(f"{names} in {path} share the address {shared}", "give each host its own")
    if (vip := hosts[0].data.get("vip")) in counted:
        raise InventoryProblem(f"the floating address {vip} in {path} is also a host's", "choose an unused one")
    if lab := hosts[0].data.get("lab"):
        _check_lab(path, hosts, lab)


def _check_lab(path: Path, hosts: tuple[Host, ...], lab: dict[str, Any]) -> None:
    for key, pattern in (("name", LAB_NAME), ("bridge", BRIDGE)):
        if not pattern.fullmatch(str(lab.get(key, ""))):
            raise InventoryProblem(
                f"{path}: `lab` has the {key} {lab.get(key)!r}",
                f"it must match {pattern.pattern}",
            )
    try:
        bridge = ipaddress.IPv4Interface(lab.get("address", ""))
    except ValueError as error:
        raise InventoryProblem(
            f"{path}: `lab` has the address {lab.get('address')!r} ({error})", "set the bridge's, such as 10.77.0.1/24"
        ) from None
    for host in hosts:
        _check_name(path, host.name, LABEL, "lower-case letters, digits and dashes: it is the host name, too")
        address = ipaddress.IPv4Address(host.address) if values.is_ipv4(host.address) else None
        if address is None or address not in bridge.network or address == bridge.ip:
            raise InventoryProblem(
                f"{host.name} in {path} has the address {host.address}, which is not a free one of {bridge.network}",
                "choose an address of the lab's network other than the bridge's",
            )

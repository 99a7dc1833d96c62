"""A local host: its names, size, folder and processes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firedrill.inventories import releases, sudo
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import Host, Inventory
from firedrill.lab import cgroups, paths

USER = re.compile(r"[a-z][a-z0-9_-]{0,30}")

Tell = Callable[[str], None]


@dataclass(frozen=True)
class User:
    """An ordinary user that may become root by sudo, with its password or without one. Root itself cannot log in."""

    name: str
    data: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def password(self) -> str | None:
        """Asked for when a host boots or is logged in to. Raises InventoryProblem."""
        return sudo.password(self.data)


@dataclass(frozen=True)
class Guest:
    """A local host."""

    lab: str
    name: str
    address: str
    bridge: str
    gateway: str
    prefix: int
    disk_gib: float
    memory_mib: int
    provider: str
    release: str
    data_disk: Mapping[str, Any] | None = None
    user: User | None = None

    @property
    def folder(self) -> Path:
        return paths.STATE / self.lab / "hosts" / self.name

    @property
    def machine(self) -> str:
        return f"{self.lab}-{self.name}"

    @property
    def image(self) -> Path | None:
        """The image that the host was created from; None for a host that was not created yet."""
        file = self.folder / "image"
        return Path(file.read_text()) if file.exists() else None

    @property
    def processes(self) -> set[int]:
        return cgroups.processes(self.lab, self.name)


def guest_of(inventory: Inventory, host: Host) -> Guest:
    """The local host of an inventory's host."""
    lab = inventory.data["lab"]
    address, prefix = lab["address"].split("/")
    return Guest(
        lab=lab["name"],
        name=host.name,
        address=host.address,
        bridge=lab["bridge"],
        gateway=address,
        prefix=int(prefix),
        disk_gib=host.data["disk_gib"],
        memory_mib=host.data["memory_mib"],
        provider=host.data.get("provider", lab["provider"]),
        release=releases.named(host.data["release"] or lab.get("release")).codename,
        data_disk=host.data.get("data_disk"),
        user=_user(host.data),
    )


def _user(data: Mapping[str, Any]) -> User | None:
    """The inventory's `ssh_user`, if it has `sudo`."""
    name = data.get("ssh_user")
    if not data.get("sudo") or name in (None, "root"):
        return None
    if not USER.fullmatch(name):
        raise InventoryProblem(f"{name!r} is no name of a user", f"it must match {USER.pattern}")
    return User(name, data)

"""One local host: its folder, its processes, and the verbs that every provider has.

A provider is a module with `boot(guest, image, address)`, `init(guest)`, `poweroff(guest)`: `nspawn` today.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from inventories.read import Host, Inventory
from lab import cgroups, paths


@dataclass(frozen=True)
class Guest:
    """A host as the lab sees it."""

    lab: str
    name: str
    address: str
    bridge: str
    gateway: str
    prefix: int
    disk_gib: float

    @property
    def folder(self) -> Path:
        return paths.STATE / self.lab / "hosts" / self.name

    @property
    def machine(self) -> str:
        return f"{self.lab}-{self.name}"

    @property
    def processes(self) -> set[int]:
        return cgroups.processes(self.lab, self.name)


def guest_of(inventory: Inventory, host: Host) -> Guest:
    """The guest that an inventory's host is on this machine."""
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
    )


def cpu_seconds(pids: set[int]) -> float:
    """CPU time that these processes have used, in seconds."""
    ticks = 0
    for pid in pids:
        try:
            ticks += sum(int(n) for n in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return ticks / os.sysconf("SC_CLK_TCK")

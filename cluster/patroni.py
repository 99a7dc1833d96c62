"""What Patroni says of the cluster: who leads, who stands by synchronously, on which timeline."""

from dataclasses import dataclass
from typing import Any

import httpx

from firedrill.inventories.access import Access

LEADER = ("leader", "standby_leader")
SYNC = ("sync_standby", "quorum_standby")
SECONDS = 3


@dataclass(frozen=True)
class Member:
    """One row of Patroni's /cluster. `lag` is in bytes."""

    name: str
    role: str
    state: str
    timeline: int | None
    lag: int | None


@dataclass(frozen=True)
class View:
    """The cluster as one node's Patroni sees it. Empty where no node answered."""

    members: tuple[Member, ...]
    error: str | None

    @property
    def leader(self) -> Member | None:
        return next((member for member in self.members if member.role in LEADER), None)

    @property
    def sync_standbys(self) -> tuple[str, ...]:
        return tuple(member.name for member in self.members if member.role in SYNC)

    @property
    def replicas(self) -> tuple[str, ...]:
        return tuple(member.name for member in self.members if member.role not in LEADER)


def view(access: Access) -> View:
    """Ask node after node for the cluster until one answers."""
    error = "the inventory has no postgres hosts"
    for host in access.inventory.role("postgres"):
        try:
            answer = httpx.get(f"{access.patroni_url(host)}/cluster", timeout=SECONDS, **access.patroni_options)
            return View(tuple(_member(row, access) for row in answer.json()["members"]), None)
        except (httpx.HTTPError, ValueError, KeyError) as problem:  # down, or another's answer
            error = f"{host.name}: {problem or type(problem).__name__}"
    return View((), error)


def settings(access: Access) -> dict[str, Any]:
    """The timings that hold now: the inventory's profile, and over it Patroni's dynamic configuration if one answers.

    Patroni leaves out what was never set, and says `true` for a synchronous mode that is `on`.
    """
    for host in access.inventory.role("postgres"):
        try:
            dynamic = httpx.get(f"{access.patroni_url(host)}/config", timeout=SECONDS, **access.patroni_options).json()
        except (httpx.HTTPError, ValueError):
            continue
        mode = dynamic.get("synchronous_mode", False)
        return access.profile | dynamic | {"synchronous_mode": {True: "on", False: "off"}.get(mode, mode)}
    return access.profile


def _member(row: dict, access: Access) -> Member:
    lag = row.get("lag")
    return Member(
        access.named(row["name"]), row["role"], row["state"], row.get("timeline"), lag if isinstance(lag, int) else None
    )

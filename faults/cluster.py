"""What Patroni says of the cluster: who leads, who stands by synchronously, on which timeline."""

from dataclasses import dataclass

import httpx

from inventories.access import Access

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
            answer = httpx.get(f"{access.patroni_url(host)}/cluster", timeout=SECONDS)
            return View(tuple(_member(row) for row in answer.json()["members"]), None)
        except httpx.HTTPError as problem:
            error = f"{host.name}: {problem or type(problem).__name__}"
    return View((), error)


def _member(row: dict) -> Member:
    lag = row.get("lag")
    return Member(row["name"], row["role"], row["state"], row.get("timeline"), lag if isinstance(lag, int) else None)

"""What Firedrill asks of a database system, so that nothing else knows which one it drills.

A system is one value that implements `System`: a package in this folder, a deploy, a row in systems.py. Everything it
returns is neutral: hosts by their inventory names, roles `primary` and `replica`, an epoch that only grows or changes.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from firedrill.cluster.dialect import Dialect
from firedrill.cluster.observer import Observer
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host

PRIMARY, REPLICA, STARTING = "primary", "replica", "starting"
Epoch = int | str | None


@dataclass(frozen=True)
class Member:
    """One database node.

    `role` is `primary`, `replica` or `starting` (neither yet, or no more); `state` is the system's own word for it.
    `healthy`: a primary that accepts writes, or a replica that follows it. `sync`: commits may wait for this replica.
    `epoch` names the reign of a leader: a timeline, a view id. `lag` is in bytes, None where it is not known.
    `can_lead`: it may take over. `tags`: its own settings that limit what it does, in the system's words.
    """

    name: str
    role: str
    state: str
    epoch: Epoch = None
    lag: int | None = None
    healthy: bool = True
    sync: bool = False
    can_lead: bool = True
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """The cluster as its majority sees it. Without members if none answered; `error` then gives the reason.

    `modes`: its own modes in which it does not fail over, in words that follow "the cluster is": `paused`.
    """

    members: tuple[Member, ...]
    error: str | None = None
    modes: tuple[str, ...] = ()

    @property
    def leader(self) -> Member | None:
        return next((member for member in self.members if member.role == PRIMARY), None)

    @property
    def sync_standbys(self) -> tuple[str, ...]:
        return tuple(member.name for member in self.members if member.sync)

    @property
    def replicas(self) -> tuple[str, ...]:
        leader = self.leader
        return tuple(member.name for member in self.members if member is not leader)

    @property
    def no_failover(self) -> str | None:
        """Why no replica would take over from the leader; None if one would, or if there is no replica."""
        if self.modes:
            return f"the cluster is {' and '.join(self.modes)}"
        others = [member for member in self.members if member is not self.leader]
        if not others or any(member.can_lead for member in others):
            return None
        shown = ", ".join(" ".join((member.name, *member.tags)) for member in others)
        return f"no replica may lead ({shown})"


class Handover(NamedTuple):
    """A switchover that was carried out: the old leader, the new one, the system's message."""

    old: str
    new: str
    message: str


class Roles(NamedTuple):
    """Roles that move between hosts: who leads the coordinator, which proxies hold the floating address."""

    coordinator_leader: str | None
    address_holders: tuple[str, ...]


@dataclass(frozen=True)
class Injection:
    """A fault as it was recorded: when it was injected (ns since the epoch), which one, on which host."""

    t: int
    fault: str
    host: str | None


@dataclass(frozen=True)
class Prediction:
    """The write outage that a system's timing model expects, [low, high] in ms, and the terms that add up to it.

    `phases` says of each term which phase of the failover it is part of: `detect`, `promote` or `route`.
    """

    low_ms: float
    high_ms: float
    terms: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    phases: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One thing the doctor tried: whether it works (None: not configured), what was found, what needs it."""

    what: str
    ok: bool | None
    found: str
    needed_for: str


# The name of the check that tells whether experiments may change the configuration.
MAY_CONFIGURE = "credentials to change settings"
# The name of the check that compares the members of the cluster with the inventory.
WATCHED = "members of the cluster"


class System(Protocol):
    """A kind of database cluster: how to query it, how to change it, and what is known about it."""

    # Facts

    name: str
    title: str
    database_role: str  # the inventory role of its database hosts
    data_folder: str  # holds the data on a database host
    coordinator_role: str | None  # the role of the hosts that elect the leader, None where the databases do
    tiers: tuple[tuple[str, str], ...]  # (role, title) of all parts, front first
    dialect: Dialect
    observers: tuple[Observer, ...]  # its own: `leadership`, `members`
    services: Mapping[str, tuple[str, ...]]  # by role: the processes that its hosts run as systemd units
    packages: tuple[str, ...]  # Debian packages whose versions a run records
    targets: Mapping[str, Callable[[Access], list[str]]]  # its own fault targets: host names at this moment

    # Questions

    def view(self, access: Access) -> View:
        """Members and leader as the majority sees them."""
        ...

    def missing(self, access: Access, view: View) -> str | None:
        """What the databases lack for the steady state; None if nothing."""
        ...

    def coordinator_error(self, access: Access) -> str | None:
        """What is wrong with the coordinator's members; None if nothing, or if there is no coordinator."""
        ...

    def coordinators(self, access: Access) -> tuple[str, ...]:
        """The coordinator's members as it reports them, by inventory names; none if none answers."""
        ...

    def has_quorum(self, access: Access) -> bool:
        """Whether a leader can be elected right now."""
        ...

    def serves(self, access: Access, host: Host, *, decides: bool) -> Mapping[str, str | None]:
        """By service of the host's roles, why it does not serve; None if it does. Each is given some seconds at most.

        With `decides` also what takes the rest of the cluster: a write on the leader, a decision of the coordinator.
        """
        ...

    def roles(self, access: Access) -> Roles:
        """Roles that move between hosts, by inventory names."""
        ...

    def endpoints(self, access: Access) -> Mapping[str, Sequence[str]]:
        """Addresses and DNS names at which members say they are reached, by inventory name; empty if none answers."""
        ...

    def settings(self, access: Access) -> dict[str, Any]:
        """The timings in effect: the inventory's profile, overridden by what the cluster itself reports."""
        ...

    def checks(self, access: Access) -> list[Check]:
        """What the doctor tries of this system, in addition to hosts and observers. Changes nothing."""
        ...

    # Changes

    def configuration(self, access: Access) -> dict[str, Any]:
        """The configuration that `configure` changes. Raises Problem."""
        ...

    def configure(self, access: Access, patch: Mapping[str, Any]) -> None:
        """Change some keys of the configuration; None removes a key. Raises Problem."""
        ...

    def until_configured(self, access: Access) -> float:
        """Wait until every node has applied the configuration; return the seconds. Raises Problem."""
        ...

    def switchover(self, access: Access, within_s: float, to: str | None = None) -> Handover:
        """Hand the leadership over to the standby `to`, by default one that the system chooses. Raises Problem."""
        ...

    def reinitialize(self, access: Access, name: str) -> str:
        """Have a node discard its data and copy it anew; return the message once it has begun. Raises Problem."""
        ...

    def write_log(self, access: Access, mib: int) -> str:
        """Have the leader write that much to its replication log; return what it wrote. Raises Problem."""
        ...

    def until_caught_up(self, access: Access, name: str, within_s: float) -> float | None:
        """Wait until a node has applied all that the leader had at the start; the seconds, None if too many."""
        ...

    def how_it_came_back(self, access: Access, name: str, since_s: float) -> str:
        """What a node did to follow the leader again since then (s, by the run's clock). Raises Problem if unknown."""
        ...

    def recover(self, access: Access) -> list[str]:
        """Do what takes an operator before a steady state is possible: form a lost quorum, let a node rejoin.

        One line for each action; none if the system recovers by itself. Raises Problem.
        """
        ...

    # Processes on a host

    def unit(self, process: str, host: Host) -> str:
        """The systemd unit that runs a process."""
        ...

    def main_process(self, process: str, host: Host) -> str:
        """Shell text that prints the id of the main process."""
        ...

    def all_processes(self, process: str, host: Host) -> str:
        """Shell text that prints the ids of all its processes."""
        ...

    def log_files(self, host: Host) -> list[str]:
        """Globs of its log files on a host, other than the journal."""
        ...

    # The timing model

    def predict(
        self,
        profile: Mapping[str, Any],
        faults: Sequence[Injection],
        coordinators: Collection[str],
        leader_before: str | None,
        coordinator_leader: str | None,
    ) -> Prediction | None:
        """The write outage to expect of these faults, from recorded facts alone; None where the model has no answer.

        `coordinator_leader` led the coordinator before the faults; None where that was not recorded.
        """
        ...

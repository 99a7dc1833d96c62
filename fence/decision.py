"""Every decision of the agent: pure functions of what was observed. No clock, no network, no file.

The order of a fenced failover, each step of which may refuse; a refusal leaves the failover to Patroni's own timeout:

    silent      a majority of judges hears nothing of the leader's host, and nobody sees it alive
    plan        Patroni's keys allow it, and enough standbys are there to refuse the old leader and to take over
    powered_off in mode `power`: the power device reports, after the command, that the host is off
    enough      the voters that refuse the old leader are so many that none of its commits can be acknowledged any more
    lift        the old leader is none any more: nobody refuses it any longer
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from firedrill.fence.patroni import Cluster, Leader, Member

# What a prober found of the leader's host. `missing`: silent, but not yet for as many samples as a vote needs.
# `own`: it is this host. `unknown`: the prober itself was too late, or has no network.
ALIVE, MISSING, SILENT, OWN, UNKNOWN = "alive", "missing", "silent", "own", "unknown"
JUDGE, WITNESS, PROXY = "judge", "witness", "proxy"
OFF = "off"
# Seconds. A statement is renewed each second; an older one is that of a dead agent.
FRESH_S = 2.5
# A statement of the leader's own host that arrives this long after the first miss was sent after it.
IN_FLIGHT_S = 0.3
# A member whose PostgreSQL follows, and one that leads no longer.
FOLLOWS = ("running", "streaming", "in archive recovery")
NO_LEADER = ("replica", "demoted", "uninitialized")


class Statement(NamedTuple):
    """What an agent says about the leader's host. `age_s`: since this judge saw it change."""

    host: str
    role: str
    leader: str
    epoch: int
    state: str
    age_s: float


class Own(NamedTuple):
    """What this judge observes itself. `silent_for_s`: since the start of the first of the misses."""

    state: str
    misses: int = 0
    silent_for_s: float = 0.0


@dataclass(frozen=True)
class View:
    """All that a judge knows when it decides."""

    me: str
    judges: tuple[str, ...]
    addresses: Mapping[str, str]
    own: Own
    cluster: Cluster
    statements: Sequence[Statement] = ()


class Refused(NamedTuple):
    """Nothing is done, and why. `worth_a_line`: something was to be done, so the log shows it."""

    reason: str
    worth_a_line: bool = True


class Silence(NamedTuple):
    """The leader's host is silent, as these judges say."""

    leader: Leader
    judges: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """A failover that may be done: at least `needed` of the voters must refuse the leader at this address first."""

    leader: Leader
    address: str
    voters: tuple[str, ...]
    needed: int
    successors: tuple[str, ...]
    enforcers: tuple[str, ...] = field(default=())


def sample(answered: bool, took_s: float, timeout_s: float, *, network: bool = True) -> str:
    """What one probe shows. A prober that was itself late, or has no route, knows nothing."""
    if answered:
        return ALIVE
    return MISSING if network and took_s <= 3 * timeout_s else UNKNOWN


def majority(judges: Collection[str]) -> int:
    """How many of all judges, those that do not answer among them."""
    return len(judges) // 2 + 1


def silent(view: View) -> Silence | Refused:
    """Whether the leader's host is silent: a majority of judges hears nothing, and nobody sees it alive."""
    leader = view.cluster.leader
    if leader is None:
        return Refused("there is no leader", worth_a_line=False)
    if view.own.state != SILENT:
        return Refused(f"{leader.name} is {view.own.state}", worth_a_line=False)
    about = [one for one in view.statements if (one.leader, one.epoch) == leader]
    fresh = [one for one in about if one.age_s <= FRESH_S and one.host != view.me]
    for one in fresh:
        if one.host == leader.name:
            if one.age_s < view.own.silent_for_s - IN_FLIGHT_S:
                return Refused(f"{leader.name} itself still writes to etcd")
        elif one.state in (ALIVE, MISSING):
            return Refused(f"{one.host} ({one.role}) sees {leader.name} {one.state}")
    hearing_nothing = {one.host for one in fresh if one.role == JUDGE and one.state == SILENT} | {view.me}
    votes = tuple(sorted(hearing_nothing & set(view.judges) - {leader.name}))
    if len(votes) < majority(view.judges):
        wanted = majority(view.judges)
        return Refused(f"{len(votes)} of {len(view.judges)} judges hear nothing of {leader.name}, {wanted} are needed")
    return Silence(leader, votes)


def plan(view: View, leader: Leader) -> Plan | Refused:
    """Whether Patroni's keys allow a failover of this leader, and who must refuse it first."""
    found, sync = view.cluster, view.cluster.sync
    if found.leader != leader:
        return Refused("the leader has changed")
    if leader.name not in view.addresses:
        return Refused(f"{leader.name} is not a database of the configuration")
    if found.paused:
        return Refused("Patroni is paused")
    if not found.synchronous:
        return Refused("replication is asynchronous: acknowledged writes may be on the leader alone")
    if found.failover_asked:
        return Refused("a failover or switchover is already asked for")
    if sync is None or sync.leader != leader.name:
        of = f"{sync.leader or 'nobody'}'s" if sync else "missing"
        return Refused(f"/sync is {of}, not {leader.name}'s: its last change is not complete")
    if not sync.voters:
        return Refused("/sync names no standby: replication is degraded")
    return _with_successors(view, leader)


def _with_successors(view: View, leader: Leader) -> Plan | Refused:
    sync = view.cluster.sync
    assert sync is not None
    needed = sync.quorum + 1
    there = {one.host for one in view.statements if one.age_s <= FRESH_S and one.role in (JUDGE, WITNESS)} | {view.me}
    followers = {name for name, one in view.cluster.members.items() if _follows(one)} & there & view.addresses.keys()
    voters = tuple(name for name in sync.voters if name in followers and name != leader.name)
    successors = tuple(name for name in voters if not view.cluster.members[name].nofailover)
    if len(voters) < needed:
        return Refused(f"{len(voters)} of the {needed} standbys needed of {', '.join(sync.voters)} are there to refuse")
    if not successors:
        return Refused(f"none of {', '.join(voters)} may take over (nofailover)")
    others = {one.host for one in view.statements if one.age_s <= FRESH_S and one.role == PROXY}
    enforcers = tuple(sorted((followers | others) - {leader.name}))
    return Plan(leader, view.addresses[leader.name], sync.voters, needed, successors, enforcers)


def _follows(member: Member) -> bool:
    return member.role in ("replica", "standby") and member.state in FOLLOWS


def enough(wanted: Plan, refusing: Collection[str]) -> bool:
    """Whether no commit of the old leader can be acknowledged any more.

    A commit needs a number of voters, and an election asks so many (`quorum` and the candidate) that the two always
    share one. So if that many refuse the old leader, every later commit lacks one; and what was acknowledged before is
    on one of those that the election compares.
    """
    return len(set(wanted.voters) & set(refusing)) >= wanted.needed


def complete(wanted: Plan, refusing: Collection[str]) -> bool:
    """Whether everybody refuses it from whom that can be expected, the proxies among them."""
    return enough(wanted, refusing) and set(wanted.enforcers) <= set(refusing)


def powered_off(before: str, after: str | None) -> Refused | None:
    """Whether the host is off. Asked before, and again after the command: its exit code proves nothing."""
    if before == OFF or after == OFF:
        return None
    return Refused(f"the power device does not report that the host is off, but {after or before}")


def lift(name: str, since: int, cluster: Cluster) -> str | None:
    """Why the old leader need not be refused any longer; None if it must. `since`: the revision of the refusal."""
    if cluster.leader and cluster.leader.name == name:
        return f"{name} holds the leader key again"
    member = cluster.members.get(name)
    if member and member.changed > since and member.role in NO_LEADER:
        return f"{name} reports that it is {member.role}"
    return None

"""Patroni's keys in etcd, as values. What cannot be read raises Unreadable: nobody decides on a guess."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Unreadable(Exception):
    """A key of Patroni holds something unexpected."""


class Key(NamedTuple):
    """A key of etcd: its value, and the revisions of its creation and of its last change."""

    value: str
    created: int
    changed: int


class Leader(NamedTuple):
    """The holder of the leader key. `epoch`, the key's create revision, is another one for each leadership."""

    name: str
    epoch: int


class Sync(NamedTuple):
    """The key /sync: whose commits wait for which standbys, and how many of them an election asks besides itself."""

    leader: str
    voters: tuple[str, ...]
    quorum: int


class Member(NamedTuple):
    """What a member reports of itself."""

    role: str
    state: str
    nofailover: bool
    changed: int


@dataclass(frozen=True)
class Cluster:
    """A cluster, as Patroni's keys tell at one revision of etcd."""

    leader: Leader | None = None
    sync: Sync | None = None
    synchronous: bool = False
    paused: bool = False
    failover_asked: bool = False
    members: Mapping[str, Member] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)  # for the transaction: leader, sync, failover, config


def cluster(keys: Mapping[str, Key]) -> Cluster:
    """From all keys below Patroni's prefix, by their names without it. Raises Unreadable."""
    config = dictionary("config", keys.get("config"))
    leader = keys.get("leader")
    sync = dictionary("sync", keys.get("sync"))
    return Cluster(
        leader=Leader(leader.value, leader.created) if leader and leader.value else None,
        sync=_sync(sync) if sync else None,
        synchronous=bool(config.get("synchronous_mode")),
        paused=bool(config.get("pause")),
        failover_asked=bool(dictionary("failover", keys.get("failover"))),
        members={name[len("members/") :]: _member(name, keys) for name in keys if name.startswith("members/")},
        keys={name: keys[name] for name in ("leader", "sync", "failover", "config") if name in keys},
    )


def dictionary(name: str, key: Key | None) -> dict[str, Any]:
    """The dictionary in a key; an empty one if there is no such key, or nothing in it. Raises Unreadable."""
    try:
        found = json.loads((key.value if key else "") or "{}")
    except ValueError:
        raise Unreadable(f"the key {name} is not JSON") from None
    if not isinstance(found, dict):
        raise Unreadable(f"the key {name} is no dictionary")
    return found


def _sync(found: dict[str, Any]) -> Sync:
    voters, quorum = found.get("sync_standby") or "", found.get("quorum") or 0
    if not isinstance(voters, str) or type(quorum) is not int or quorum < 0:
        raise Unreadable("the key sync has unexpected values")
    names = tuple(sorted({name.strip() for name in voters.split(",")} - {""}))
    return Sync(str(found.get("leader") or ""), names, quorum)


def _member(name: str, keys: Mapping[str, Key]) -> Member:
    found = dictionary(name, keys[name])
    tags = found.get("tags")
    nofailover = tags.get("nofailover") if isinstance(tags, dict) else False
    # Older than 4.0: 1 and 0 are as good as True and False; `failover_priority` 0 is the same as nofailover.
    never = isinstance(tags, dict) and tags.get("failover_priority") == 0
    return Member(
        str(found.get("role") or ""), str(found.get("state") or ""), bool(nofailover or never), keys[name].changed
    )

"""What agents keep in etcd: statements, the lock, the refusal and its acknowledgements; and the release.

<prefix>votes/<host>      a judge's statement about the leader's host, under the judge's lease
<prefix>seen/<host>       a witness's, and acks/<host> that it refuses the old leader
<prefix>proxies/<host>    that a proxy's agent works, and proxy-acks/<host> that it refuses the old leader
<prefix>lock              the judge that acts, under its lease
<prefix>refusal           whom to refuse; under the lease of the judge that acts, after the release under another
                          one, which all judges renew: without judges it ends by itself
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from firedrill.fence.decision import JUDGE, PROXY, WITNESS
from firedrill.fence.gateway import Gateway, after, decoded, encoded
from firedrill.fence.patroni import Key

LEASE_S = 3
RELEASED_S = 60
STATEMENTS = {JUDGE: "votes/", WITNESS: "seen/", PROXY: "proxies/"}
ACKS = {JUDGE: "acks/", WITNESS: "acks/", PROXY: "proxy-acks/"}
LOCK, REFUSAL = "lock", "refusal"
# Patroni's keys that must not change between the plan and the release.
UNCHANGED = ("sync", "failover", "config")


class Snapshot(NamedTuple):
    """All keys at one revision, by their names without the prefix."""

    patroni: Mapping[str, Key]
    fence: Mapping[str, Key]


@dataclass(frozen=True)
class Order:
    """The content of the key `refusal`: refuse this leader. `released`: its leader key is gone."""

    id: str
    leader: str
    epoch: int
    by: str
    released: bool = False
    lease: str = ""

    @classmethod
    def of(cls, key: Key) -> "Order | None":
        """None for anything else than what a judge writes."""
        try:
            found = json.loads(key.value)
            made = cls(**found)
        except (ValueError, TypeError):
            return None
        kinds = {"id": str, "leader": str, "epoch": int, "by": str, "released": bool, "lease": str}
        return made if all(type(getattr(made, name)) is kind for name, kind in kinds.items()) else None

    @property
    def text(self) -> str:
        return json.dumps(asdict(self))


class Store:
    """The keys of one cluster's agents."""

    def __init__(self, gateway: Gateway, patroni_prefix: str, prefix: str) -> None:
        self._etcd, self._patroni, self._prefix = gateway, patroni_prefix, prefix

    def snapshot(self, *, patroni: bool) -> Snapshot:
        """The keys as of now, agreed upon by a majority. `patroni`: those of Patroni, too."""
        asked = [self._prefix, *([self._patroni] if patroni else [])]
        requests = [{"request_range": {"key": encoded(one), "range_end": encoded(after(one))}} for one in asked]
        answer = self._etcd.call("kv/txn", {"success": requests})
        rows = zip(answer.get("responses", []), asked, strict=True)
        found = [_keys(one.get("response_range", {}), prefix) for one, prefix in rows]
        return Snapshot(found[1] if patroni else {}, found[0])

    # -- leases ------------------------------------------------------------------------------------------

    def lease(self, seconds: int = LEASE_S) -> str:
        """A new lease."""
        return str(self._etcd.call("lease/grant", {"TTL": seconds})["ID"])

    def renew(self, lease: str) -> bool:
        """False if the lease has ended."""
        answer = self._etcd.call("lease/keepalive", {"ID": lease})
        return int(answer.get("result", {}).get("TTL") or 0) > 0

    # -- what each agent writes --------------------------------------------------------------------------

    def put(self, name: str, value: Mapping[str, Any], lease: str) -> None:
        """Write a key of ours under a lease."""
        self._etcd.call("kv/put", self._put(name, json.dumps(dict(value)), lease))

    def delete(self, name: str) -> None:
        """Delete a key of ours."""
        self._etcd.call("kv/deleterange", {"key": encoded(self._prefix + name)})

    # -- what the judge that acts does -------------------------------------------------------------------

    def lock(self, me: str, lease: str) -> int | None:
        """Take the lock: its create revision; None if another judge has it."""
        answer = self._etcd.call(
            "kv/txn",
            {
                "compare": [self._compare(self._prefix + LOCK, "CREATE", 0)],
                "success": [{"request_put": self._put(LOCK, me, lease)}],
            },
        )
        return _revision(answer) if answer.get("succeeded") else None

    def order(self, order: Order, lease: str) -> int:
        """Tell everybody to refuse the leader; the revision of that key."""
        return _revision(self._etcd.call("kv/put", self._put(REFUSAL, order.text, lease)))

    def withdraw(self, revision: int) -> bool:
        """Delete the refusal if it is still that of this revision."""
        name = self._prefix + REFUSAL
        answer = self._etcd.call(
            "kv/txn",
            {
                "compare": [self._compare(name, "MOD", revision)],
                "success": [{"request_delete_range": {"key": encoded(name)}}],
            },
        )
        return bool(answer.get("succeeded"))

    def release(self, patroni: Mapping[str, Key], same: Mapping[str, int], order: Order | None) -> bool:
        """Delete the leader key and keep the refusal, if nothing has changed; False if something has.

        `patroni`: Patroni's keys that the plan was made from. `same`: keys of ours with the revision of their last
        change: lock, refusal, acknowledgements. /sync is written again as it was, so that the old leader, which may
        live, cannot change it on the strength of what it read before.
        """
        leader, sync, key = patroni["leader"], patroni["sync"], self._patroni + "leader"
        revisions = {name: patroni[name].changed if name in patroni else 0 for name in UNCHANGED}
        compare = [
            {"key": encoded(key), "target": "VALUE", "result": "EQUAL", "value": encoded(leader.value)},
            self._compare(key, "CREATE", leader.created),
            *(self._compare(self._patroni + name, "MOD", revision) for name, revision in revisions.items()),
            *(self._compare(self._prefix + name, "MOD", revision) for name, revision in sorted(same.items())),
        ]
        success = [
            {"request_put": {"key": encoded(self._patroni + "sync"), "value": encoded(sync.value)}},
            {"request_delete_range": {"key": encoded(key)}},
            *([{"request_put": self._put(REFUSAL, order.text, order.lease)}] if order else []),
        ]
        return bool(self._etcd.call("kv/txn", {"compare": compare, "success": success}).get("succeeded"))

    def _put(self, name: str, text: str, lease: str) -> dict[str, Any]:
        return {"key": encoded(self._prefix + name), "value": encoded(text), "lease": lease}

    @staticmethod
    def _compare(key: str, target: str, revision: int) -> dict[str, Any]:
        field = {"CREATE": "create_revision", "MOD": "mod_revision"}[target]
        return {"key": encoded(key), "target": target, "result": "EQUAL", field: str(revision)}


def _revision(answer: Mapping[str, Any]) -> int:
    return int(answer["header"]["revision"])


def _keys(found: Mapping[str, Any], prefix: str) -> dict[str, Key]:
    rows = found.get("kvs", [])
    return {
        decoded(row["key"])[len(prefix) :]: Key(
            decoded(row.get("value", "")), int(row["create_revision"]), int(row["mod_revision"])
        )
        for row in rows
    }

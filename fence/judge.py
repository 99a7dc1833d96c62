"""The part of a judge: decide, take the lock, power off, have the leader refused, release the leader key, lift."""

import os
import signal
import time
import uuid
from collections.abc import Callable

from firedrill.fence import decision, patroni
from firedrill.fence.config import Config
from firedrill.fence.decision import Own, Plan, Refused, Statement, View
from firedrill.fence.patroni import Cluster, Key
from firedrill.fence.power import Device
from firedrill.fence.report import Report
from firedrill.fence.store import ACKS, LOCK, REFUSAL, RELEASED_S, STATEMENTS, Order, Snapshot, Store

# Seconds for the acknowledgements of all that must refuse the leader; past it nothing is released.
REFUSAL_S = 1.5
# After the voters have acknowledged: for the others, such as proxies.
OTHERS_S = 0.3
POLL_S = 0.02
# After a refusal with the lock in hand: before the next attempt.
PAUSE_S = 1.0
CHANGED = "the leader, /sync, /failover, the configuration or a standby has changed meanwhile"


class Stopped(Exception):
    """The failover is not done, and why."""


class Judge:
    """What one judge knows of the others, and what it does."""

    def __init__(
        self, config: Config, store: Store, device: Device | None, report: Report,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._config, self._store, self._device, self._report, self._clock = config, store, device, report, clock
        self._seen: dict[str, tuple[int, float]] = {}  # of each statement: its revision, and when it was first seen
        self._not_before = 0.0

    # -- what is observed --------------------------------------------------------------------------------

    def view(self, snapshot: Snapshot, cluster: Cluster, own: Own) -> View:
        """All that this judge knows now."""
        statements = tuple(
            self._statement(role, name, key)
            for role, folder in STATEMENTS.items()
            for name, key in snapshot.fence.items()
            if name.startswith(folder)
        )
        self._seen = {name: seen for name, seen in self._seen.items() if name in snapshot.fence}
        return View(self._config.host, self._config.judges, self._config.addresses, own, cluster, statements)

    def _statement(self, role: str, name: str, key: Key) -> Statement:
        revision, at = self._seen.get(name, (0, 0.0))
        if revision != key.changed:
            at = self._clock()
            self._seen[name] = (key.changed, at)
        try:
            found = patroni.dictionary(name, key)
        except patroni.Unreadable:
            found = {}
        epoch = found.get("epoch")
        return Statement(
            name.split("/", 1)[1], role, str(found.get("leader")), epoch if type(epoch) is int else 0,
            str(found.get("state")), self._clock() - at,
        )  # fmt: skip

    # -- what is done ------------------------------------------------------------------------------------

    def follow(self, snapshot: Snapshot, own: Own, lease: str | None) -> None:
        """Decide on what is known now, and act. Raises Unavailable, Denied."""
        try:
            cluster = patroni.cluster(snapshot.patroni)
        except patroni.Unreadable as problem:
            self._report.once("refused", str(problem))
            return
        if self._left_behind(snapshot):
            return
        self._end_refusal(snapshot, cluster)
        view = self.view(snapshot, cluster, own)
        silence = decision.silent(view)
        if isinstance(silence, Refused):
            self._log(view, silence)
            return
        if lease is None or self._clock() < self._not_before:
            return
        made = decision.plan(view, silence.leader)
        if isinstance(made, Refused):
            self._log(view, made)
            return
        locked = self._store.lock(self._config.host, lease)
        if locked is not None:
            self._not_before = self._clock() + PAUSE_S
            self._with_lock(view, silence, made, locked, lease)

    def _left_behind(self, snapshot: Snapshot) -> bool:
        """Remove a lock and a refusal that an attempt of ours could not remove, since etcd did not answer."""
        lock, key = snapshot.fence.get(LOCK), snapshot.fence.get(REFUSAL)
        if lock is None or lock.value != self._config.host:
            return False
        order = Order.of(key) if key else None
        if key and order and order.by == self._config.host and not order.released:
            self._store.withdraw(key.changed)
        self._store.delete(LOCK)
        return True

    def _log(self, view: View, refused: Refused) -> None:
        if refused.worth_a_line:
            self._report.once("refused", refused.reason, about=view.cluster.leader)
        else:
            self._report.forget("refused")

    def _with_lock(self, view: View, silence: decision.Silence, made: Plan, locked: int, lease: str) -> None:
        began = self._clock()
        name = silence.leader.name
        reason = f"{', '.join(silence.judges)} hear nothing of {name}"
        self._report.event(
            "decided", reason, leader=name, epoch=silence.leader.epoch, silent_for_s=round(view.own.silent_for_s, 3),
            voters=made.voters, needed=made.needed,
        )  # fmt: skip
        try:
            self._power_off(made)
            powered = self._clock()
            self._release(view.cluster, made, locked, lease)
        except Stopped as stopped:
            self._report.event("refused", str(stopped), leader=name)
            self._store.delete(LOCK)
            return
        self._report.event(
            "released", f"the leader key of {name} is deleted: Patroni elects", leader=name,
            power_s=round(powered - began, 3), refusal_s=round(self._clock() - powered, 3),
        )  # fmt: skip
        self._die_if("released")
        self._store.delete(LOCK)

    def _power_off(self, made: Plan) -> None:
        if self._config.mode != "power":
            return
        assert self._device is not None
        refused = self._device.off(made.leader.name, made.address)
        if refused:
            raise Stopped(refused.reason)
        self._report.event("powered_off", f"the power device reports that {made.leader.name} is off")
        self._die_if("powered_off")

    def _release(self, cluster: Cluster, made: Plan, locked: int, lease: str) -> None:
        """Have the leader refused, then delete its key in one transaction. Whatever stops it takes the refusal back."""
        if self._config.without_refusal:
            self._report.event("unsafe", "a drill leaves out the refusal: acknowledged writes can be lost")
            if not self._store.release(cluster.keys, {LOCK: locked}, None):
                raise Stopped(CHANGED)
            return
        order = Order(uuid.uuid4().hex, made.leader.name, made.leader.epoch, self._config.host)
        revision = self._store.order(order, lease)
        try:
            acknowledged = self._refused_by(made, order)
            self._die_if("refused")
            kept = self._store.lease(RELEASED_S)
            released = Order(order.id, order.leader, order.epoch, order.by, released=True, lease=kept)
            same = {LOCK: locked, REFUSAL: revision} | acknowledged
            if not (self._store.release(cluster.keys, same, released) or self._is_released(order)):
                raise Stopped(CHANGED)
        except BaseException:
            self._store.withdraw(revision)
            raise

    def _is_released(self, order: Order) -> bool:
        """Whether a release without an answer took effect."""
        key = self._store.snapshot(patroni=False).fence.get(REFUSAL)
        found = Order.of(key) if key else None
        return found is not None and found.id == order.id and found.released

    def _refused_by(self, made: Plan, order: Order) -> dict[str, int]:
        """The acknowledgements of the voters that count, with their revisions. Raises Stopped if they are too few."""
        ends, others = self._clock() + REFUSAL_S, None
        while True:
            found = self._acknowledgements(order)
            if decision.complete(made, found.keys()):
                break
            now = self._clock()
            if others is None and decision.enough(made, found.keys()):
                others = now + OTHERS_S
            if now >= min(ends, others or ends):
                break
            time.sleep(POLL_S)
        if not decision.enough(made, found.keys()):
            raise Stopped(
                f"{', '.join(sorted(found)) or 'nobody'} refuses {made.leader.name} after {REFUSAL_S} s:"
                f" {made.needed} of {', '.join(made.voters)} must"
            )
        self._report.event("refused_by", f"{', '.join(sorted(found))} refuse {made.leader.name}", id=order.id)
        return {ACKS[decision.WITNESS] + name: found[name] for name in made.voters if name in found}

    def _acknowledgements(self, order: Order) -> dict[str, int]:
        """Who refuses the leader of this order, and the revision of each acknowledgement."""
        found = {}
        for name, key in self._store.snapshot(patroni=False).fence.items():
            folder, _, host = name.partition("/")
            if f"{folder}/" in ACKS.values() and patroni.dictionary(name, key).get("id") == order.id:
                found[host] = key.changed
        return found

    def _end_refusal(self, snapshot: Snapshot, cluster: Cluster) -> None:
        """Renew the refusal of an old leader, or end it when it leads no longer."""
        key = snapshot.fence.get(REFUSAL)
        order = Order.of(key) if key else None
        if key is None or order is None or not order.released:
            return
        why = decision.lift(order.leader, key.changed, cluster)
        if why and self._store.withdraw(key.changed):
            self._report.event("lifted", why, leader=order.leader, id=order.id)

    def renew(self, snapshot: Snapshot) -> None:
        """Keep the refusal of an old leader alive, whichever judge released it."""
        key = snapshot.fence.get(REFUSAL)
        order = Order.of(key) if key else None
        if order and order.released:
            self._store.renew(order.lease)

    def _die_if(self, moment: str) -> None:
        if self._config.die_after == moment:
            self._report.event("unsafe", f"a drill ends this agent after the moment {moment}")
            os.kill(os.getpid(), signal.SIGKILL)

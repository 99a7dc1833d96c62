"""The part of databases and proxies: refuse an old leader while etcd says so, and acknowledge that it is refused."""

import time
from collections.abc import Callable
from typing import Any

from firedrill.fence.block import Refusal
from firedrill.fence.config import Config
from firedrill.fence.report import Report
from firedrill.fence.store import ACKS, REFUSAL, Order, Snapshot, Store

# Seconds that a refusal lasts without news from etcd: before the release longer than the judge's lease, after it
# longer than a standby needs to follow the new leader. It is renewed often, since somebody may flush all rules.
BEFORE_RELEASE_S, AFTER_RELEASE_S, RENEW_S = 10, 60, 2


class Enforcer:
    """What this host refuses, and since when."""

    def __init__(
        self, config: Config, refusal: Refusal, report: Report, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config, self._refusal, self._report, self._clock = config, refusal, report, clock
        self._order: Order | None = None
        self._until_renewed = 0.0
        self._acknowledged = ""
        self._since = 0.0
        self._clean = False

    @property
    def refusing(self) -> dict[str, Any] | None:
        """Whom this host refuses, for the status."""
        if self._order is None:
            return None
        name, released = self._order.leader, self._order.released
        return {"leader": name, "address": self._config.addresses[name], "released": released, "since": self._since}

    def refuses(self, snapshot: Snapshot) -> set[str | None]:
        """The address that this host refuses, and that which it is told to."""
        wanted = self._wanted(snapshot)
        return {self._refusal.address, self._config.addresses[wanted.leader] if wanted else None}

    def follow(self, snapshot: Snapshot, store: Store, lease: str | None) -> None:
        """Do what the key `refusal` says. Raises Failed if the rules cannot be changed."""
        if self._config.without_refusal:  # a drill
            return
        wanted = self._wanted(snapshot)
        if wanted is None:
            self._nobody(store)
            return
        if self._order is None or wanted.id != self._order.id or wanted.released != self._order.released:
            self._begin(wanted)
        elif self._clock() >= self._until_renewed:
            self._refuse(wanted)
        if lease and self._acknowledged != f"{wanted.id} {lease}":
            store.put(ACKS[self._config.role] + self._config.host, {"id": wanted.id}, lease)
            self._acknowledged = f"{wanted.id} {lease}"
            self._report.event("acknowledged", f"{wanted.leader} is refused", id=wanted.id)

    def _wanted(self, snapshot: Snapshot) -> Order | None:
        key = snapshot.fence.get(REFUSAL)
        order = Order.of(key) if key else None
        if key and (order is None or order.leader not in self._config.addresses):
            self._report.once("error", "etcd names nobody whom this host could refuse")
            return None
        return None if order is None or order.leader == self._config.host else order

    def _begin(self, wanted: Order) -> None:
        new = self._order is None or self._order.id != wanted.id
        self._refuse(wanted)
        self._order = wanted
        if new:
            self._since = round(time.time(), 3)
            address = self._config.addresses[wanted.leader]
            self._report.event("refusing", f"{wanted.by} fences {wanted.leader}", id=wanted.id, address=address)

    def _refuse(self, wanted: Order) -> None:
        seconds = AFTER_RELEASE_S if wanted.released else BEFORE_RELEASE_S
        self._refusal.refuse(self._config.addresses[wanted.leader], seconds)
        self._until_renewed = self._clock() + RENEW_S
        self._clean = False

    def _nobody(self, store: Store) -> None:
        if self._clean:
            return
        self._refusal.nobody()
        self._clean = True
        if self._order is not None:
            self._report.event("accepting", f"{self._order.leader} is no longer refused", id=self._order.id)
            store.delete(ACKS[self._config.role] + self._config.host)
        self._order, self._acknowledged = None, ""

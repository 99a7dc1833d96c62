"""The observer `alerts`: what the monitoring evaluates, what it sends, and what of that arrives.

Every Prometheus and every Alertmanager is asked every half second, with a deadline; the notifications themselves are
received by receiver.py.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import httpx

from firedrill.cluster import monitoring, tls_errors
from firedrill.cluster.monitoring import Alert
from firedrill.cluster.observer import UNOBSERVED, Event, Observer, Write
from firedrill.cluster.on_change import on_change
from firedrill.cluster.tls_errors import KeptOut
from firedrill.experiments.observe import receiver
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.read import Host

INTERVAL_S = 0.5
Ask = Callable[[httpx.AsyncClient, Endpoint], Coroutine[Any, Any, list[Alert]]]
PARTS: dict[str, Ask] = {"rules": monitoring.of_rules, "notifier": monitoring.of_notifier}


def watched(access: Access) -> tuple[Host, ...]:
    """The servers of the monitoring; one that others made is known by the place in its URL."""
    known = access.monitoring
    hosts = {host.name: host for host in access.inventory.hosts}
    names = known.watched if known else ()
    return tuple(hosts.get(name) or Host(name, name, ("monitor",), {}) for name in names)


async def observe(access: Access, write: Write) -> None:
    """Ask and listen until cancelled."""
    known, lock = access.monitoring, threading.Lock()
    assert known, "left out where there is no monitoring"

    def record(kind: str, **fields: Any) -> None:
        with lock:
            write(kind, **fields)

    for host in known.receivers:
        receiver.start(host, known.token, record)
    servers = {"rules": known.prometheus, "notifier": known.alertmanagers}
    async with asyncio.TaskGroup() as group:
        for part, endpoints in servers.items():
            for name, endpoint in endpoints.items():
                group.create_task(Polled(name, part, endpoint, record).poll())


class Polled:
    """One server, and the alerts that it listed last."""

    def __init__(self, name: str, part: str, endpoint: Endpoint, write: Write) -> None:
        self._endpoint, self._ask = endpoint, PARTS[part]
        self._known: dict[tuple[tuple[str, str], ...], Alert] = {}
        self._write, self._name, self._part = write, name, part
        self._sample = on_change(lambda state: write("poll", host=name, part=part, **state))

    async def poll(self) -> None:
        async with httpx.AsyncClient(timeout=monitoring.DEADLINE_S, **self._endpoint.httpx) as client:
            while True:
                try:
                    self.listed(await self._ask(client, self._endpoint))
                except (httpx.HTTPError, ValueError) as error:
                    self._failed(error)
                await asyncio.sleep(INTERVAL_S)

    def _failed(self, error: Exception) -> None:
        try:
            cause = tls_errors.observed(error, self._endpoint)
        except KeptOut as kept_out:
            self._write(UNOBSERVED, host=self._name, error=str(kept_out))
            return
        self._sample({"reachable": False, "active": None, "error": cause})

    def listed(self, found: Sequence[Alert]) -> None:
        """Record what changed since the last answer."""
        now = {alert.key: alert for alert in found}
        for key, alert in now.items():
            if key not in self._known or self._known[key].state != alert.state:
                self._changed(alert, alert.state)
        for key, alert in self._known.items():
            if key not in now:
                self._changed(alert, "ended")
        self._known = now
        self._sample({"reachable": True, "active": len(now), "error": None})

    def _changed(self, alert: Alert, state: str) -> None:
        self._write(
            "alert",
            host=self._name,
            part=self._part,
            alert=alert.name,
            labels=dict(alert.labels),
            state=state,
            since=alert.since,
            receivers=list(alert.receivers),
        )


def found(access: Access, events: Sequence[Event]) -> tuple[bool, str]:
    """Every server must answer, and every receiver receive its tests."""
    known = access.monitoring
    assert known
    wanted = [(name, "rules") for name in known.prometheus] + [(name, "notifier") for name in known.alertmanagers]
    wanted += [(host.name, "receiver") for host in known.receivers]
    last = {(event["host"], event.get("part") or event["kind"]): event for event in events if _is_sample(event)}
    lacking = {key: last.get(key, {"error": "no sample"}) for key in wanted if not _is_good(last.get(key))}
    if lacking:
        return False, "; ".join(f"{part} of {name}: {event['error']}" for (name, part), event in lacking.items())
    how = (
        "notifications are received" if known.receivers else "no receiver: what the notifier lists counts as delivered"
    )
    return True, f"{', '.join(f'{part} of {name}' for name, part in wanted)} answer; {how}"


def _is_sample(event: Event) -> bool:
    return event["kind"] in ("poll", "receiver")


def _is_good(event: Event | None) -> bool:
    return event is not None and bool(event.get("reachable") or event.get("listening"))


OBSERVER = Observer(
    name="alerts",
    interval_ms=2000,
    hosts=watched,
    observe=observe,
    needed_for='which alerts were delivered; to do without it: `unobserved = ["alerts"]`',
    found=found,
    may_be_left_out=True,
)

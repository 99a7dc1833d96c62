"""Clients of a monitoring system: which alerts Prometheus evaluates, which of them Alertmanager sends, and to whom.

What a server answers is validated here: another program may listen there. Times in answers are by the server's clock.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from firedrill.inventories.endpoint import Endpoint

DEADLINE_S = 3.0  # of a whole answer
LARGEST = 8 << 20  # bytes; one alert takes some 1,000
RULES, NOTIFIER = "/api/v1/alerts", "/api/v2/alerts"
STATES = ("pending", "firing")
SENT = {"active": "active", "suppressed": "suppressed", "unprocessed": "active"}


@dataclass(frozen=True)
class Alert:
    """An alert as a server lists it. `since`: as the server writes it. `receivers`: whom Alertmanager sends it to."""

    name: str
    labels: Mapping[str, str]
    state: str
    since: str | None = None
    receivers: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        """What tells it from others."""
        return tuple(sorted(self.labels.items()))


async def of_rules(client: httpx.AsyncClient, prometheus: Endpoint) -> list[Alert]:
    """The alerts that are pending or firing. Raises httpx.HTTPError, and ValueError for any other answer."""
    return rules_in(await _answer(client, prometheus.url + RULES))


async def of_notifier(client: httpx.AsyncClient, alertmanager: Endpoint) -> list[Alert]:
    """The alerts that Alertmanager sends, or suppresses. Raises as of_rules does."""
    return sent_in(await _answer(client, alertmanager.url + NOTIFIER))


async def _answer(client: httpx.AsyncClient, url: str) -> bytes:
    """The body of an answer, whole within the deadline. Raises httpx.HTTPError and ValueError."""
    body = b""
    try:
        async with asyncio.timeout(DEADLINE_S), client.stream("GET", url) as response:
            response.raise_for_status()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > LARGEST:
                    raise ValueError(f"an answer of more than {LARGEST >> 20} MiB")
    except TimeoutError:
        raise ValueError(f"no complete answer within {DEADLINE_S:g} s") from None
    return body


def rules_in(body: bytes) -> list[Alert]:
    """The alerts in an answer of Prometheus. Raises ValueError."""
    answer = _json(body, dict)
    rows = answer.get("data", {}).get("alerts") if isinstance(answer.get("data", {}), dict) else None
    return list(_alerts(rows, lambda row: (row.get("state"), row.get("activeAt"), []), STATES))


def sent_in(body: bytes) -> list[Alert]:
    """The alerts in an answer of Alertmanager. Raises ValueError."""

    def parts(row: dict[str, Any]) -> tuple[object, object, object]:
        status = row.get("status")
        state = SENT.get(str(status.get("state"))) if isinstance(status, dict) else None
        return state, row.get("startsAt"), row.get("receivers", [])

    return list(_alerts(_json(body, list), parts, tuple(SENT)))


def _json(body: bytes, kind: type) -> Any:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, kind):
        raise ValueError(f"wanted alerts, found {body[:40]!r}")
    return found


def _alerts(
    rows: object, parts: Callable[[dict[str, Any]], tuple[object, object, object]], states: tuple[str, ...]
) -> Iterator[Alert]:
    if not isinstance(rows, list):
        raise ValueError("wanted a list of alerts, found none")
    for row in rows:
        labels = labels_in(row)
        state, since, receivers = parts(row)
        if state not in states:
            raise ValueError(f"wanted the state of an alert, found {state!r}")
        named = [one.get("name") for one in receivers if isinstance(one, dict)] if isinstance(receivers, list) else []
        yield Alert(
            labels["alertname"],
            labels,
            str(state),
            since if isinstance(since, str) else None,
            tuple(_writable(name) for name in named if isinstance(name, str)),
        )


def labels_in(row: object) -> dict[str, str]:
    """The labels of an alert, its name among them. Raises ValueError."""
    labels = row.get("labels") if isinstance(row, dict) else None
    if not isinstance(labels, dict) or not isinstance(labels.get("alertname"), str):
        raise ValueError("wanted the labels of an alert, found none")
    if not all(isinstance(value, str) for value in labels.values()):
        raise ValueError("wanted labels that are texts")
    return {_writable(name): _writable(value) for name, value in labels.items()}


def _writable(text: str) -> str:
    """A text that can be written to a file."""
    return text.encode(errors="replace").decode()

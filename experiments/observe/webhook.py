"""Receives notifications on a monitoring host: HTTP over a channel that SSH forwards from its loopback to this process.

A message counts if it carries the bearer token, is not too large, and is a notification in Alertmanager's format. All
else is answered with an error, and recorded.
"""

import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from firedrill.cluster.monitoring import labels_in

PATH = "/firedrill"
LARGEST = 4 << 20  # bytes
SECONDS = 5.0  # that the sender may take for each part of its message
TEST = "firedrill_test"


@dataclass(frozen=True)
class Notification:
    """One alert of a message."""

    alert: str
    labels: dict[str, str]
    status: str
    since: str | None
    receiver: str | None


@dataclass(frozen=True)
class Inbox:
    """What becomes of the messages to one host. `test`: one of our own arrived, with this text."""

    token: str
    notified: Callable[[Notification], None]
    test: Callable[[str], None]
    rejected: Callable[[str], None]


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection. The `server` that it is made with is an Inbox."""

    timeout = SECONDS
    server: Any
    sys_version, server_version = "", "firedrill"

    def do_POST(self) -> None:
        refused = self._refusal()
        if refused:
            status, why = refused
        else:
            status, why = self._taken(self.rfile.read(int(self.headers["Content-Length"])))
        if why:
            self.server.rejected(why)
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _refusal(self) -> tuple[HTTPStatus, str] | None:
        """Why a message is not read."""
        given, wanted = self.headers.get("Authorization", ""), f"Bearer {self.server.token}"
        if not hmac.compare_digest(given.encode(errors="replace"), wanted.encode()):
            return HTTPStatus.UNAUTHORIZED, "a message without the bearer token"
        length = self.headers.get("Content-Length", "")
        if self.path != PATH or not (length.isascii() and length.isdigit()):
            return HTTPStatus.BAD_REQUEST, "a message to another path, or without a length"
        if int(length) > LARGEST:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a message of {int(length)} bytes, wanted at most {LARGEST}"
        return None

    def _taken(self, body: bytes) -> tuple[HTTPStatus, str]:
        try:
            content = json.loads(body)
            if isinstance(content, dict) and isinstance(content.get(TEST), str):
                self.server.test(content[TEST])
            else:
                for one in list(notifications(content)):
                    self.server.notified(one)
        except (ValueError, RecursionError) as error:
            return HTTPStatus.BAD_REQUEST, f"no notification: {error}"[:200]
        return HTTPStatus.OK, ""

    def log_message(self, *_: object) -> None:
        """Nothing: what matters is recorded."""


def notifications(content: object) -> Iterator[Notification]:
    """The alerts of a message. Raises ValueError."""
    rows = content.get("alerts") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(rows, list):
        raise ValueError("wanted an object with a list of alerts")
    receiver = content.get("receiver")
    for row in rows:
        labels = labels_in(row)
        status, since = row.get("status"), row.get("startsAt")
        if status not in ("firing", "resolved"):
            raise ValueError("wanted the status firing or resolved")
        yield Notification(
            labels["alertname"],
            labels,
            status,
            since if isinstance(since, str) else None,
            receiver if isinstance(receiver, str) else None,
        )

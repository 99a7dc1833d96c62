"""Listens for notifications on the monitoring hosts, and proves that it does.

SSH forwards a port of each host's loopback to this process (webhook.py). Every few seconds a program on the host sends
a test through it, so that a time in which nothing could have arrived is known.
"""

import json
import secrets
import shlex
import threading
import time
from collections.abc import Callable
from typing import Any

import paramiko

from firedrill.cluster import clock, ssh
from firedrill.cluster.observer import Write
from firedrill.experiments.observe.webhook import PATH, TEST, Handler, Inbox, Notification
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

TEST_S = 3.0
SILENT_S = 8.0
PAUSE_S = 0.5
LOOPBACK = "127.0.0.1"
# Reads the token and a nonce; sends a test, and prints its number with the status of the answer, or the error.
PROGRAM = f"""
import http.client, json, sys, time

port, token, nonce = int(sys.argv[1]), sys.stdin.readline().strip(), sys.stdin.readline().strip()
number = 0
while True:
    number += 1
    try:
        connection = http.client.HTTPConnection("{LOOPBACK}", port, timeout={TEST_S})
        body = json.dumps({{"{TEST}": f"{{nonce}} {{number}}"}})
        connection.request("POST", "{PATH}", body, {{"Authorization": "Bearer " + token}})
        found = connection.getresponse().status
        connection.close()
    except (OSError, http.client.HTTPException) as error:
        found = str(error) or type(error).__name__
    print(json.dumps([number, found]), flush=True)
    time.sleep({TEST_S})
"""


class Receiver:
    """The receiver on one host."""

    def __init__(self, host: Host, token: str, write: Write) -> None:
        self.host, self._token, self._write = host, token, write
        self._port = int(host.data["ports"]["alert_webhook"])
        self._arrived: dict[str, int] = {}  # tests, and when

    def run(self) -> None:
        """Listen for ever; where that breaks off, record it, and begin again."""
        while True:
            try:
                if not ssh.answers(self.host, 1):
                    raise ssh.Unreachable(f"{self.host.name} does not answer SSH", "")
                with ssh.connect(self.host) as connection:
                    self._listen(connection)
            except (Problem, *ssh.ERRORS, ValueError, TypeError) as error:
                self._record(clock.now(), listening=False, error=str(error) or type(error).__name__)
                time.sleep(PAUSE_S)

    def _listen(self, connection: ssh.Connection) -> None:
        """Until the connection breaks. Raises what it breaks with."""
        transport = connection.client.get_transport()
        if transport is None:
            raise EOFError("the connection is closed")
        transport.request_port_forward(LOOPBACK, self._port, self._opened)
        nonce = secrets.token_hex(16)
        running = ssh.Running(connection, f"python3 -c {shlex.quote(PROGRAM)} {self._port}", seconds=SILENT_S)
        running.send(f"{self._token}\n{nonce}\n")
        while line := running.line():
            number, found = json.loads(line)
            self._tested(f"{nonce} {int(number)}", found)
        raise ssh.Unreachable(f"{self.host.name} closed the connection", "")

    def _tested(self, text: str, found: object) -> None:
        """A test was sent: it must have arrived here, and not at another program that listens there."""
        at = self._arrived.pop(text, None)
        if at is not None and found == 200:
            self._record(at, listening=True, error=None)
        else:
            cause = f"a test was answered with {found}" if isinstance(found, int) else f"a test was not sent: {found}"
            self._record(clock.now(), listening=False, error=cause)

    def _record(self, start: int, *, listening: bool, error: str | None) -> None:
        self._write("receiver", host=self.host.name, start=start, listening=listening, error=error)

    # -- messages

    def _opened(self, channel: paramiko.Channel, *addresses: Any) -> None:
        """A connection to the port: in a thread of its own, since the caller's is the one that reads from SSH."""
        threading.Thread(target=self._serve, args=(channel, addresses[0]), daemon=True).start()

    def _serve(self, channel: paramiko.Channel, origin: Any) -> None:
        inbox = Inbox(self._token, self._notified, self._test, self._rejected)
        try:
            Handler(channel, origin, inbox)  # type: ignore[arg-type]  # of a server it takes only what Inbox has
        except (*ssh.ERRORS, ValueError) as error:
            self._rejected(f"a message that breaks off ({error or type(error).__name__})")
        finally:
            channel.close()

    def _test(self, text: str) -> None:
        self._arrived = {text: clock.now()}

    def _notified(self, one: Notification) -> None:
        self._write(
            "notification",
            host=self.host.name,
            alert=one.alert,
            labels=one.labels,
            status=one.status,
            since=one.since,
            receiver=one.receiver,
        )

    def _rejected(self, why: str) -> None:
        self._write("rejected", host=self.host.name, error=why)


def start(host: Host, token: str, write: Write) -> None:
    """Listen on a host in the background, until this process ends."""
    receiver: Callable[[], None] = Receiver(host, token, write).run
    threading.Thread(target=receiver, daemon=True).start()

"""Open-loop load: requests start on schedule, whatever the outcome of earlier ones. Shared by the locust files.

One locust user is one arrival per second, so a rate is a number of users, and the web UI's number of users is the total
rate. Each request has its own greenlet. At most MOST run at the same time. One more is not sent, and neither is one
that is still due at the end: they count as failed, in locust's statistics too, and the end of the run says how many.
`due` is the scheduled start of a request: latency counts from there, so that a slow answer delays no other.

$FIREDRILL_EVENTS    the file that every request is recorded in
$FIREDRILL_LOAD      {"rates": {"GET /cities": 5, ...}, "timeout_s": 5}, instead of the defaults of the locust file
"""

import contextlib
import json
import logging
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

import gevent
from gevent.pool import Pool
from locust import User, constant, events, task
from locust.runners import MasterRunner

from firedrill.cluster import clock
from firedrill.cluster.outcomes import ACKED, FAILED
from firedrill.inventories.access import Access, access
from firedrill.inventories.errors import USAGE, Problem
from firedrill.inventories.read import read
from firedrill.loadtests.outcomes import ERROR, NOT_SENT
from firedrill.loadtests.recorder import Recorder

LOG = logging.getLogger(__name__)
STALLED = 3 * clock.SECOND  # between two heartbeats
MOST = 500
PAUSE = 0.5
TRIES = 2
LOAD = json.loads(os.environ.get("FIREDRILL_LOAD", "{}"))
TIMEOUT = LOAD.get("timeout_s", 5)

RATES: dict[str, int] = {}

arrivals: Counter[str] = Counter()  # `due`, and those of them that were `not sent`
started: set["Arrival"] = set()
recorder = Recorder(os.environ.get("FIREDRILL_EVENTS"))
in_progress = Pool()


def rates(default: dict[str, int]) -> dict[str, int]:
    """Arrivals per second by name: those of $FIREDRILL_LOAD, where a missing name means 0, else the default."""
    asked = LOAD.get("rates", default)
    if unknown := sorted(set(asked) - set(default)):
        sys.exit(f"loadtests: unknown rate {unknown[0]!r}: known are {', '.join(default)}")
    RATES.update({name: asked.get(name, 0) for name in default})
    return RATES


class Arrival(User):
    """One arrival per second. A subclass defines `method`, `name`, and `send`."""

    abstract = True
    wait_time = constant(0)
    method: ClassVar[str]
    name: ClassVar[str]

    def on_start(self) -> None:
        # A random offset: users that start together must not send together.
        self.due = clock.now() + random.randrange(clock.SECOND)
        started.add(self)

    @task
    def arrive(self) -> None:
        """Wait until the next request is due, and start it."""
        gevent.sleep(max(0, self.due - clock.now()) / clock.SECOND)
        due = self.next_due()
        if len(in_progress) < MOST:
            in_progress.spawn(self.answer, due)
        else:
            self.turn_away(due, f"{MOST} requests are in progress")

    def next_due(self) -> int:
        """When the next request is due; the one after it is due a second later."""
        due, self.due = self.due, self.due + clock.SECOND
        arrivals["due"] += 1
        return due

    def on_stop(self) -> None:
        self.give_up_late()
        started.discard(self)

    def give_up_late(self) -> None:
        """Turn away what was due so long ago that a user would have given up: the generator did not keep up."""
        while self.due < clock.now() - TIMEOUT * clock.SECOND:
            self.turn_away(self.next_due(), "the load generator is too slow")

    def answer(self, due: int) -> None:
        """Send one request. A write that was not acknowledged is repeated once: acked once is acked."""
        identity = self.new_id()
        for _ in range(TRIES):
            if self.send(identity, due) == ACKED or self.method != "POST":
                return
            gevent.sleep(PAUSE)

    def new_id(self) -> str:
        raise NotImplementedError

    def send(self, identity: str, due: int) -> str:
        """Send it, record it, and return the outcome."""
        raise NotImplementedError

    def turn_away(self, due: int, why: str) -> None:
        """Record a request that is not sent."""
        now = clock.now()
        arrivals["not sent"] += 1
        outcome, error = FAILED if self.method == "POST" else ERROR, f"{NOT_SENT}: {why}"
        self.record(id=self.new_id(), due=due, start=now, t=now, status=0, outcome=outcome, error=error)
        self.report(due, now, error)

    def report(self, due: int, t: int, error: str | None) -> None:
        """Report a request to locust's own statistics."""
        self.environment.events.request.fire(
            request_type=self.method, name=self.name, response_time=(t - due) / 1e6, response_length=0,
            exception=RuntimeError(error) if error else None, context={},
        )  # fmt: skip

    def record(self, **fields) -> None:
        recorder.request(method=self.method, name=self.name, **fields)


@contextlib.contextmanager
def problems_end() -> Iterator[None]:
    """End the process with one line if the body raises a Problem."""
    try:
        yield
    except Problem as problem:
        print(f"loadtests: {problem}", file=sys.stderr)
        sys.exit(USAGE)


def cluster_access() -> Access:
    """Access to the cluster of $FIREDRILL_INVENTORY. Raises Problem."""
    return access(read())


@events.init_command_line_parser.add_listener
def set_defaults(parser) -> None:
    """As many users as the rates need, started within a second; at the end they may finish their requests.

    The web UI has neither TLS nor a login, so by default it listens on this machine alone.
    """
    users = sum(RATES.values())
    parser.set_defaults(num_users=users, spawn_rate=users, stop_timeout=str(TIMEOUT + 1), web_host="127.0.0.1")


@events.init.add_listener
def prepare(environment, **_: object) -> None:
    """Start the heartbeat, and show the outcomes in the web UI if there is one."""
    if not isinstance(environment.runner, MasterRunner):
        gevent.spawn(_heartbeat, environment)
    if environment.web_ui:
        environment.web_ui.app.add_url_rule("/outcomes", view_func=lambda: dict(recorder.outcomes))


def _heartbeat(environment) -> None:
    last = clock.now()
    while True:
        if (t := clock.now()) - last > STALLED:
            recorder.stalled(last, t)
        last = t
        recorder.alive(environment.runner.user_count if environment.runner else 0, len(in_progress))
        gevent.sleep(1)


@events.quitting.add_listener
def finish(environment, **_: object) -> None:
    """Let requests in progress end, including repeated writes, and close the events file."""
    for user in started:
        user.give_up_late()
    in_progress.join(TRIES * (TIMEOUT + PAUSE))
    recorder.close()
    if missed := arrivals["not sent"]:
        due = arrivals["due"]
        LOG.warning(
            "The rate was not reached: %d of %d requests (%.1f %%) were not sent. They count as failed. "
            "Ask for a lower rate, or look for what was slow: the system, or this machine.",
            missed, due, 100 * missed / due,
        )  # fmt: skip

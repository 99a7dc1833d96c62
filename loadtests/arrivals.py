"""Requests that start on schedule, whatever became of the earlier ones (open loop): what the locust files share.

One locust user is one arrival a second; so a rate is a number of users, and the web UI's number of users is the rate of
all. A request has a greenlet of its own, at most MOST at once; one above that is not sent, and recorded as refused.
`due` is when the request should have started: from there its latency counts, so that a slow answer hides no other.

$FIREDRILL_EVENTS    the file that every request goes to
$FIREDRILL_LOAD      {"rates": {"GET /cities": 5, ...}, "timeout_s": 5}, in place of the file's own
"""

import json
import os
import random
import sys
import time
from typing import ClassVar

import gevent
from gevent.pool import Pool
from locust import User, constant, events, task
from locust.runners import MasterRunner

from firedrill.cluster.outcomes import ACKED, FAILED
from firedrill.inventories.access import Access, access
from firedrill.inventories.errors import USAGE, Problem
from firedrill.inventories.read import read
from firedrill.loadtests.outcomes import ERROR
from firedrill.loadtests.recorder import Recorder

SECOND = 1_000_000_000
MOST = 500
PAUSE = 0.5
TRIES = 2
LOAD = json.loads(os.environ.get("FIREDRILL_LOAD", "{}"))
TIMEOUT = LOAD.get("timeout_s", 5)

RATES: dict[str, int] = {}

recorder = Recorder(os.environ.get("FIREDRILL_EVENTS"))
under_way = Pool()


def rates(default: dict[str, int]) -> dict[str, int]:
    """Arrivals a second by name: those asked for, else the default; names that were not asked for rest."""
    asked = LOAD.get("rates", default)
    if unknown := sorted(set(asked) - set(default)):
        sys.exit(f"loadtests: no rate {unknown[0]!r}: there are {', '.join(default)}")
    RATES.update({name: asked.get(name, 0) for name in default})
    return RATES


class Arrival(User):
    """One arrival a second. A kind has to say `method`, `name`, and `send` one request."""

    abstract = True
    wait_time = constant(0)
    method: ClassVar[str]
    name: ClassVar[str]

    def on_start(self) -> None:
        # Users that start together would ask together for ever after.
        self.due = time.time_ns() + random.randrange(SECOND)

    @task
    def arrive(self) -> None:
        """Wait until the next one is due, and let it go."""
        gevent.sleep(max(0, self.due - time.time_ns()) / SECOND)
        due, self.due = self.due, self.due + SECOND
        if len(under_way) < MOST:
            under_way.spawn(self.answer, due)
        else:
            self.turn_away(due)

    def answer(self, due: int) -> None:
        """One request, and where it writes and was not acknowledged the same once more: acked once is acked."""
        identity = self.new_id()
        for _ in range(TRIES):
            if self.send(identity, due) == ACKED or self.method != "POST":
                return
            gevent.sleep(PAUSE)

    def new_id(self) -> str:
        raise NotImplementedError

    def send(self, identity: str, due: int) -> str:
        """Send it, record it, and say what it came to."""
        raise NotImplementedError

    def turn_away(self, due: int) -> None:
        """Nothing is sent: what waits already is as much as this machine bears."""
        now = time.time_ns()
        outcome = FAILED if self.method == "POST" else ERROR
        error = f"not sent: {MOST} requests are under way"
        self.record(id=self.new_id(), due=due, start=now, t=now, status=0, outcome=outcome, error=error)

    def record(self, **fields) -> None:
        recorder.request(method=self.method, name=self.name, **fields)


def ways() -> Access:
    """The cluster of $FIREDRILL_INVENTORY; ends the process with one line where there is none."""
    try:
        return access(read())
    except Problem as problem:
        print(f"loadtests: {problem}", file=sys.stderr)
        sys.exit(USAGE)


@events.init_command_line_parser.add_listener
def set_defaults(parser) -> None:
    """As many users as the rates need, all within a second; at the end they may finish what they began."""
    users = sum(RATES.values())
    parser.set_defaults(num_users=users, spawn_rate=users, stop_timeout=str(TIMEOUT + 1))


@events.init.add_listener
def prepare(environment, **_: object) -> None:
    """Begin to give signs of life, and show the outcomes in the web UI where there is one."""
    if not isinstance(environment.runner, MasterRunner):
        gevent.spawn(_signs_of_life, environment)
    if environment.web_ui:
        environment.web_ui.app.add_url_rule("/outcomes", view_func=lambda: dict(recorder.outcomes))


def _signs_of_life(environment) -> None:
    while True:
        recorder.alive(environment.runner.user_count if environment.runner else 0, len(under_way))
        gevent.sleep(1)


@events.quitting.add_listener
def finish(environment, **_: object) -> None:
    """Let the requests under way end, tried again where they write, and close the events file."""
    under_way.join(TRIES * (TIMEOUT + PAUSE))
    recorder.close()

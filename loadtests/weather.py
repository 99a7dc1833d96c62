"""Users of the weather API: 20 by default, of whom 10 read and 10 write, each once a second.

    locust -f loadtests/weather.py                                        with the web UI on port 8089
    locust -f loadtests/weather.py --headless -u 20 -r 20 -t 60        a second: 10 POST, 5 GET of each kind
    locust -f loadtests/weather.py -H http://192.0.2.1 ...                against another address than the inventory's

The address comes from $FIREDRILL_INVENTORY or inventories/lab.py. With $FIREDRILL_EVENTS every request goes to that
file. A user waits for its answer, 5 s at most, before it asks again: in an outage the rate falls, as with real users.
"""

import os
import random
import sys
import time
import uuid
from datetime import date, timedelta
from http import HTTPStatus

import gevent
from locust import FastHttpUser, constant_throughput, events, task
from locust.runners import MasterRunner

from inventories.access import access
from inventories.errors import USAGE, Problem
from inventories.read import read
from loadtests.recorder import ACKED, Recorder, read_outcome, write_outcome

USERS = 20
TIMEOUT = 5
PAUSE = 0.5
SUMMARIES = ("clear", "clouds", "drizzle", "fog", "rain", "snow", "storm", "wind")
CITIES = ("Accra", "Bangkok", "Berlin", "Cairo", "Helsinki", "Lima", "Lisbon", "Nairobi", "Tokyo", "Toronto")

recorder = Recorder(os.environ.get("FIREDRILL_EVENTS"))


class WeatherUser(FastHttpUser):
    """What readers and writers share: one recorded request, and a new connection after one that failed."""

    abstract = True
    wait_time = constant_throughput(1)
    network_timeout = TIMEOUT
    connection_timeout = TIMEOUT

    def on_start(self) -> None:
        # Users that start together would ask together for ever after.
        gevent.sleep(random.random())

    def ask(self, method: str, path: str, *, name: str, id: str, body: dict | None = None) -> str:
        """Send one request, record it, and say what it came to."""
        start = time.time_ns()
        with self.client.request(
            method, path, name=name, json=body, headers={"X-Request-Id": id}, catch_response=True
        ) as answer:
            t = time.time_ns()
            status, text = answer.status_code or 0, answer.text
            cause = getattr(answer, "error", None)
            # The HTTP client wraps a timeout, with the URL in its text.
            cause = getattr(cause, "original", cause)
            outcome = write_outcome(status, text, cause) if method == "POST" else read_outcome(status)
            error = _error(status, text, cause)
            if error:
                answer.failure(f"{outcome}: {error}")
        recorder.request(id=id, method=method, name=name, start=start, t=t, status=status, outcome=outcome, error=error)
        if error:
            # A kept connection may lead to a proxy or an app that is no more.
            self.client.client.clientpool.close()
        return outcome


def _error(status: int, text: str | None, cause: BaseException | None) -> str | None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status:
        return f"HTTP {status} {(text or '').strip()[:200]}"
    return f"{type(cause).__name__}: {cause}" if cause else "no answer"


class Reader(WeatherUser):
    """Looks at cities and forecasts in turn."""

    weight = 1

    @task
    def cities(self) -> None:
        self.ask("GET", "/cities", name="/cities", id=str(uuid.uuid4()))

    @task
    def forecasts(self) -> None:
        self.ask("GET", f"/forecasts?city={random.choice(CITIES)}", name="/forecasts", id=str(uuid.uuid4()))


class Writer(WeatherUser):
    """Adds forecasts. One that was not acknowledged is sent once more with the same id: acked once is acked."""

    weight = 1

    @task
    def add(self) -> None:
        body = _forecast()
        for _ in range(2):
            if self.ask("POST", "/forecasts", name="/forecasts", id=body["id"], body=body) == ACKED:
                return
            gevent.sleep(PAUSE)


def _forecast() -> dict:
    return {
        "id": str(uuid.uuid4()),
        "city": random.choice(CITIES),
        "day": str(date.today() + timedelta(days=random.randrange(14))),
        "temperature_c": round(random.uniform(-20, 40), 1),
        "summary": random.choice(SUMMARIES),
    }


@events.init_command_line_parser.add_listener
def set_defaults(parser) -> None:
    """As many users as the rates above need, all within a second; at the end they may finish what they began."""
    parser.set_defaults(num_users=USERS, spawn_rate=USERS, stop_timeout=str(TIMEOUT + 1))


@events.init.add_listener
def prepare(environment, **_: object) -> None:
    """Find the address, begin to give signs of life, and show the outcomes in the web UI where there is one."""
    if not environment.host:
        try:
            environment.host = access(read()).http_url
        except Problem as problem:
            print(f"loadtests: {problem}", file=sys.stderr)
            sys.exit(USAGE)
    if not isinstance(environment.runner, MasterRunner):
        gevent.spawn(_signs_of_life, environment)
    if environment.web_ui:
        environment.web_ui.app.add_url_rule("/outcomes", view_func=lambda: dict(recorder.outcomes))


def _signs_of_life(environment) -> None:
    while True:
        recorder.alive(environment.runner.user_count if environment.runner else 0)
        gevent.sleep(1)


@events.quitting.add_listener
def finish(environment, **_: object) -> None:
    """Close the events file."""
    recorder.close()

"""Users of the weather API: two kinds of GET at 5 per second each, and POST at 10 per second, at a constant rate.

    locust -f loadtests/weather.py                                        with the web UI, http://127.0.0.1:8089
    locust -f loadtests/weather.py --headless -u 20 -r 20 -t 60           one minute; -u 40 doubles the rate
    locust -f loadtests/weather.py -H https://192.0.2.1 ...               another address than the inventory's

The address comes from $FIREDRILL_INVENTORY or inventories/lab.py; of several (separated by commas: a cluster without a
floating address) each connection takes any. HTTPS is verified as the inventory says.
Other rates come from $FIREDRILL_LOAD (arrivals.py).
Requests start on schedule whatever the outcome of earlier ones, and time out after 5 s.
"""

import random
import uuid
from datetime import date, timedelta
from http import HTTPStatus

from locust import FastHttpUser, events
from locust.contrib.fasthttp import FastHttpSession

from firedrill.cluster import clock
from firedrill.inventories.endpoint import Endpoint
from firedrill.loadtests import trust
from firedrill.loadtests.arrivals import TIMEOUT, Arrival, cluster_access, problems_end, rates
from firedrill.loadtests.outcomes import read_outcome, write_outcome

RATES = rates({"GET /cities": 5, "GET /forecasts": 5, "POST /forecasts": 10})
SUMMARIES = ("clear", "clouds", "drizzle", "fog", "rain", "snow", "storm", "wind")
CITIES = ("Accra", "Bangkok", "Berlin", "Cairo", "Helsinki", "Lima", "Lisbon", "Nairobi", "Tokyo", "Toronto")


class WeatherUser(Arrival, FastHttpUser):
    """Shared by readers and writers: a connection for each request in progress, kept until a request on it fails."""

    abstract = True
    insecure = False  # locust's default is not to verify
    app = Endpoint("")

    def __init__(self, environment) -> None:
        super().__init__(environment)
        self.spare: list[FastHttpSession] = []

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def ask(self, path: str, identity: str, due: int, body: dict | None = None) -> str:
        """Send one request, record it, and return the outcome."""
        session = self.spare.pop() if self.spare else self._session()
        start = clock.now()
        with session.request(
            self.method, path, name=self.name, json=body, headers={"X-Request-Id": identity}, catch_response=True
        ) as answer:
            t = clock.now()
            answer.request_meta["response_time"] = (t - due) / 1e6  # locust counts from when it was sent
            status, text = answer.status_code or 0, answer.text
            cause = getattr(answer, "error", None)
            # The HTTP client wraps a timeout, with the URL in its text.
            cause = getattr(cause, "original", cause)
            outcome = write_outcome(status, text, cause) if self.method == "POST" else read_outcome(status)
            error = _error(status, text, cause)
            if error:
                answer.failure(f"{outcome}: {error}")
        self.record(id=identity, due=due, start=start, t=t, status=status, outcome=outcome, error=error)
        if error:
            # The connection may lead to a proxy or an app that is gone.
            session.client.clientpool.close()
        else:
            self.spare.append(session)
        return outcome

    def _session(self) -> FastHttpSession:
        return FastHttpSession(
            base_url=random.choice(str(self.host).split(",")),
            request_event=self.environment.events.request,
            network_timeout=TIMEOUT,
            connection_timeout=TIMEOUT,
            max_retries=0,
            concurrency=1,
            user=self,
            insecure=self.insecure,
            ssl_context_factory=trust.contexts(self.app),
        )


def _error(status: int, text: str | None, cause: BaseException | None) -> str | None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status:
        return f"HTTP {status} {(text or '').strip()[:200]}"
    return f"{type(cause).__name__}: {cause}" if cause else "no answer"


class Cities(WeatherUser):
    """Reads the cities."""

    weight = RATES["GET /cities"]
    method, name = "GET", "/cities"

    def send(self, identity: str, due: int) -> str:
        return self.ask("/cities", identity, due)


class Forecasts(WeatherUser):
    """Reads the forecasts of a city."""

    weight = RATES["GET /forecasts"]
    method, name = "GET", "/forecasts"

    def send(self, identity: str, due: int) -> str:
        return self.ask(f"/forecasts?city={random.choice(CITIES)}", identity, due)


class Writer(WeatherUser):
    """Adds a forecast. If it is not acknowledged, it is repeated once with the same id."""

    weight = RATES["POST /forecasts"]
    method, name = "POST", "/forecasts"

    def send(self, identity: str, due: int) -> str:
        return self.ask("/forecasts", identity, due, _forecast(identity))


def _forecast(identity: str) -> dict:
    return {
        "id": identity,
        "city": random.choice(CITIES),
        "day": str(date.today() + timedelta(days=random.randrange(14))),
        "temperature_c": round(random.uniform(-20, 40), 1),
        "summary": random.choice(SUMMARIES),
    }


@events.init.add_listener
def find_address(environment, **_: object) -> None:
    """Use the address of the inventory if none was given, and verify as it says."""
    if environment.host and "https://" not in environment.host:
        return
    with problems_end():
        apps = cluster_access().http
        apps[0].context()  # what is wrong with its files is reported now
    environment.host = environment.host or ",".join(app.url for app in apps)
    WeatherUser.app = apps[0]

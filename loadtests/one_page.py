"""One user on one connection who asks for one page, again and again: the next request begins 20 ms after an answer.

    locust -f loadtests/one_page.py --headless -u 1 -r 1 -t 60

Closed loop, unlike the other locust files: what `wrk -t1 -c1` does. A request that fails is followed by the next one on
a new connection.
"""

import gevent

from firedrill.cluster import clock
from firedrill.loadtests.arrivals import arrivals
from firedrill.loadtests.weather import WeatherUser

PAGE = "/cities"
PAUSE_S = 0.02


class OnePage(WeatherUser):
    """Asks for the page on the connection that it has."""

    method, name = "GET", PAGE

    def give_up_late(self) -> None:
        """Nothing is due while a request is in progress."""


def ask_again(user: OnePage) -> None:
    """One request, when the one before has been answered."""
    arrivals["due"] += 1
    user.ask(PAGE, user.new_id(), clock.now())
    gevent.sleep(PAUSE_S)


OnePage.tasks = [ask_again]

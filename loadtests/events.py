"""Users of an event log, in SQL through the proxies: insert an event (write port, 10 per second), read the last three
(read port, 10 per second). Each request in progress has its own connection, replaced after an error. Without proxies
they connect to the databases: writers to the leader, readers to any.

    locust -f loadtests/events.py --headless -u 20 -r 20 -t 60

Recorded as the weather's requests are: an insert as POST, a look as GET. A run creates the table
(experiments/observe/tables.py); statements and outcomes are those of the inventory's database (cluster/dialect.py).
"""

import uuid
from collections.abc import Callable

import gevent

from firedrill.cluster import clock
from firedrill.cluster.dialect import NotAnswered, Session
from firedrill.cluster.outcomes import ACKED, FAILED, UNKNOWN
from firedrill.cluster.systems import system_of
from firedrill.loadtests.arrivals import TIMEOUT, Arrival, cluster_access, problems_end, rates
from firedrill.loadtests.outcomes import ERROR, OK

RATES = rates({"INSERT": 10, "SELECT": 10})
with problems_end():
    ACCESS = cluster_access()
    DIALECT = system_of(ACCESS.inventory).dialect
    WRITE, READ = (DIALECT.sessions(ACCESS, writes=writes) for writes in (True, False))


class EventUser(Arrival):
    """Shared by writers and readers: a connection for each statement in progress."""

    abstract = True
    connect: Callable[[], Session]

    def __init__(self, environment) -> None:
        super().__init__(environment)
        self.spare: list[Session] = []

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def execute(self, identity: str, due: int, statement: Callable[[Session], None]) -> str:
        """Execute one statement in its own transaction, with a timeout, and record it."""
        start, session, outcome, error = clock.now(), None, ACKED, None
        try:
            with gevent.Timeout(TIMEOUT, TimeoutError(f"no answer within {TIMEOUT:g} s")):
                session = self.spare.pop() if self.spare else type(self).connect()
                statement(session)
        except NotAnswered as problem:
            outcome, error = problem.outcome, str(problem)
        except TimeoutError as problem:
            outcome, error = UNKNOWN if session else FAILED, str(problem)
        if self.method == "GET":
            outcome = OK if error is None else ERROR
        t = clock.now()
        self.record(id=identity, due=due, start=start, t=t, status=0, outcome=outcome, error=error)
        self.report(due, t, error)
        if session and error is None:
            self.spare.append(session)
        elif session:
            session.close()
        return outcome


class Writer(EventUser):
    """Appends to the log."""

    weight = RATES["INSERT"]
    method, name = "POST", "INSERT"
    connect = staticmethod(WRITE)

    def send(self, identity: str, due: int) -> str:
        return self.execute(identity, due, lambda session: session.insert(identity, "something happened"))


class Reader(EventUser):
    """Reads the last three."""

    weight = RATES["SELECT"]
    method, name = "GET", "SELECT"
    connect = staticmethod(READ)

    def send(self, identity: str, due: int) -> str:
        return self.execute(identity, due, lambda session: session.last())

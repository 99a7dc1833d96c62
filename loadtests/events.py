"""Users of an event log, in SQL through the proxies: insert an event (write port, 10 per second), read the last three
(read port, 10 per second). Each request in progress has its own connection, replaced after an error. Without proxies
they connect to the databases: writers to the leader, readers to any.

    locust -f loadtests/events.py --headless -u 20 -r 20 -t 60

Recorded as the weather's requests are: an insert as POST, a look as GET. The table is the ledger's to make
(experiments/ledger.py); it is in the database of $FIREDRILL_INVENTORY.
"""

import uuid

import gevent
import psycopg

from firedrill.cluster import clock
from firedrill.cluster.outcomes import ACKED, FAILED, UNKNOWN
from firedrill.cluster.patroni import sql_errors
from firedrill.cluster.patroni.outcomes import CANCELED_WAIT, sql_outcome
from firedrill.loadtests.arrivals import TIMEOUT, Arrival, cluster_access, problems_end, rates
from firedrill.loadtests.outcomes import ERROR, OK

RATES = rates({"INSERT": 10, "SELECT": 10})
# An existing id is updated to itself: see weather/api.py.
INSERT = "INSERT INTO firedrill.event (id, text) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET id = excluded.id"
LAST = "SELECT id, at, text FROM firedrill.event ORDER BY at DESC LIMIT 3"
with problems_end():
    ACCESS = cluster_access()
    WRITE, READ = ACCESS.sql_front(), ACCESS.sql_read()


class Connection(psycopg.Connection):
    """A connection that records whether the server stopped waiting for its sync standby."""

    unconfirmed: str | None = None

    def notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if CANCELED_WAIT in (diagnostic.message_primary or ""):
            self.unconfirmed = diagnostic.message_primary


class EventUser(Arrival):
    """Shared by writers and readers: a connection for each statement in progress."""

    abstract = True
    where: dict

    def __init__(self, environment) -> None:
        super().__init__(environment)
        self.spare: list[Connection] = []

    def new_id(self) -> str:
        return str(uuid.uuid4())

    def execute(self, identity: str, due: int, statement: str, values: tuple) -> str:
        """Execute one statement in its own transaction, with a timeout, and record it."""
        start, connection, outcome, error = clock.now(), None, ACKED, None
        try:
            with gevent.Timeout(TIMEOUT, TimeoutError(f"no answer within {TIMEOUT:g} s")):
                connection = self.spare.pop() if self.spare else self._connect()
                connection.unconfirmed = None
                connection.execute(statement, values)
            if connection.unconfirmed:
                outcome, error = UNKNOWN, connection.unconfirmed
        except (psycopg.Error, OSError) as problem:
            warning = connection.unconfirmed if connection else None
            state = getattr(problem, "sqlstate", None)
            outcome = sql_outcome(state, warning is not None) if connection else FAILED
            error = sql_errors.cause(problem, self.where)
        if self.method == "GET":
            outcome = OK if error is None else ERROR
        t = clock.now()
        self.record(id=identity, due=due, start=start, t=t, status=0, outcome=outcome, error=error)
        self.report(due, t, error)
        if connection and error is None:
            self.spare.append(connection)
        elif connection:
            connection.close()
        return outcome

    def _connect(self) -> Connection:
        connection = Connection.connect(**self.where, autocommit=True)
        connection.add_notice_handler(connection.notice)
        return connection


class Writer(EventUser):
    """Appends to the log."""

    weight = RATES["INSERT"]
    method, name = "POST", "INSERT"
    where = WRITE

    def send(self, identity: str, due: int) -> str:
        return self.execute(identity, due, INSERT, (identity, "something happened"))


class Reader(EventUser):
    """Reads the last three."""

    weight = RATES["SELECT"]
    method, name = "GET", "SELECT"
    where = READ

    def send(self, identity: str, due: int) -> str:
        return self.execute(identity, due, LAST, ())

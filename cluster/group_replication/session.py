"""A connection of a user of the event log."""

from firedrill.cluster.dialect import NotAnswered
from firedrill.cluster.group_replication import reports, sql
from firedrill.cluster.outcomes import FAILED
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.errors import Problem

CONNECT_S = 2.0
ANSWER_S = 60.0  # the load generator gives up long before
# An existing id is updated to itself, so that a repeated insert is confirmed, too.
INSERT = "INSERT INTO firedrill.event (id, text) VALUES (%s, %s) ON DUPLICATE KEY UPDATE id = VALUES(id)"
LAST = "SELECT id, at, text FROM firedrill.event ORDER BY at DESC LIMIT 3"


class MySQLSession:
    """Implements Session of cluster/dialect.py; it connects to the first server that accepts, or takes writes."""

    def __init__(self, endpoints: list[Endpoint], *, writable: bool = False) -> None:
        try:
            self._connection = sql.connect_to_any(endpoints, CONNECT_S, ANSWER_S, writable=writable)
        except (*sql.ERRORS, Problem) as error:
            raise NotAnswered(FAILED, sql.cause(error)) from None

    def insert(self, identity: str, text: str) -> None:
        self._execute(INSERT, (identity, text))

    def last(self) -> None:
        self._execute(LAST, ())

    def _execute(self, statement: str, values: tuple[str, ...]) -> None:
        try:
            sql.rows(self._connection, statement, values)
        except sql.ERRORS as error:
            raise NotAnswered(sql.outcome(error), sql.cause(error)) from None

    def close(self) -> None:
        reports.close(self._connection)

"""A connection of a user of the event log."""

from typing import Any

import psycopg

from firedrill.cluster.dialect import NotAnswered
from firedrill.cluster.outcomes import FAILED, UNKNOWN
from firedrill.cluster.patroni import sql_errors
from firedrill.cluster.patroni.outcomes import CANCELED_WAIT, sql_outcome

# An existing id is updated to itself: see weather/api.py.
INSERT = "INSERT INTO firedrill.event (id, text) VALUES (%s, %s) ON CONFLICT (id) DO UPDATE SET id = excluded.id"
LAST = "SELECT id, at, text FROM firedrill.event ORDER BY at DESC LIMIT 3"


class PostgresSession:
    """Implements Session of cluster/dialect.py. It records whether the server stopped waiting for its sync standby."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments
        self._unconfirmed: str | None = None
        try:
            self._connection = psycopg.Connection.connect(**arguments, autocommit=True)
        except (psycopg.Error, OSError) as error:
            raise NotAnswered(FAILED, sql_errors.cause(error, arguments)) from None
        self._connection.add_notice_handler(self._notice)

    def _notice(self, notice: psycopg.errors.Diagnostic) -> None:
        if CANCELED_WAIT in (notice.message_primary or ""):
            self._unconfirmed = notice.message_primary

    def insert(self, identity: str, text: str) -> None:
        self._execute(INSERT, (identity, text))

    def last(self) -> None:
        self._execute(LAST, ())

    def _execute(self, statement: str, values: tuple[str, ...]) -> None:
        self._unconfirmed = None
        try:
            self._connection.execute(statement.encode(), values)
        except (psycopg.Error, OSError) as error:
            outcome = sql_outcome(getattr(error, "sqlstate", None), self._unconfirmed is not None)
            raise NotAnswered(outcome, sql_errors.cause(error, self._arguments)) from None
        if self._unconfirmed:
            raise NotAnswered(UNKNOWN, self._unconfirmed)

    def close(self) -> None:
        self._connection.close()

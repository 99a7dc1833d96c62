"""The weather app on PostgreSQL: statements, and the outcome of errors."""

from collections.abc import Sequence
from typing import Any

import psycopg

from .database import Failed, Failure, Invalid, Unknown

CITIES = "SELECT name, country, latitude::float8, longitude::float8 FROM city ORDER BY name"
FORECASTS = """
SELECT id::text, city, day::text, temperature_c::float8, summary FROM forecast
WHERE %s::text IS NULL OR city = %s ORDER BY created_at DESC LIMIT %s
"""
# An existing id is updated to itself instead of skipped: a statement that writes nothing does not wait for the sync
# standby, so a row that only the primary has would be reported as existing.
INSERT = """
INSERT INTO forecast (id, city, day, temperature_c, summary) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET id = excluded.id RETURNING xmax = 0
"""
# The server ends the session, possibly after a commit that was not yet confirmed.
SHUTDOWNS = ("57P01", "57P02", "57P03", "57P05")
# The second is the message to a session that the server ends while it waits.
CANCELLED = ("canceling wait for synchronous replication", "canceling the wait for synchronous replication")

Error = psycopg.Error


class WatchedConnection(psycopg.Connection):
    """A connection that records whether its last commit was confirmed by the sync standby."""

    unconfirmed: str | None = None

    def watch(self) -> None:
        """Subscribe to the server's notices."""
        self.add_notice_handler(self.notice)

    def notice(self, diagnostic: Any) -> None:
        """Record the warning that a commit was not confirmed."""
        text = diagnostic.message_primary or ""
        if any(words in text for words in CANCELLED):
            self.unconfirmed = text


def rows(connection: Any, statement: str, parameters: Sequence[Any]) -> list[tuple]:
    """The rows of a SELECT. Raises Error."""
    found: list[tuple] = connection.execute(statement, parameters).fetchall()
    return found


def insert(connection: Any, forecast: Sequence[Any]) -> bool:
    """Write a forecast; whether it is new. Raises Error, Unknown."""
    connection.unconfirmed = None
    ((created,),) = rows(connection, INSERT, forecast)
    if connection.unconfirmed:
        raise Unknown(connection.unconfirmed)
    return bool(created)


def classify(error: Exception) -> Failure:
    """The outcome of a write that was sent and ended with this error."""
    state = getattr(error, "sqlstate", None)
    text = f"{state or type(error).__name__}: {str(error).strip() or 'no message'}"
    if state is None or state in SHUTDOWNS or state.startswith("08"):
        return Unknown(text)
    if isinstance(error, psycopg.IntegrityError | psycopg.DataError):
        return Invalid(str(error).splitlines()[0])
    return Failed(text)

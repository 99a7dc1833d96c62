"""The app's reads and writes on two connection pools, and the outcome of a failed write.

    WriteError
    ├── Failed      definitely not written: no connection, or the server refused the statement
    ├── Unknown     possibly written: the connection broke before the answer, or the server stopped waiting for
    │               its sync standby (the row exists on the primary only)
    └── Invalid     refused because of its content; a retry does not help

Writes go to the primary. Reads go to a replica, or to the primary if there is none: the proxy falls back, not the app.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import psycopg

# The server ends the session, possibly after a commit that was not yet confirmed.
SHUTDOWNS = ("57P01", "57P02", "57P03", "57P05")
# The second is the message to a session that the server ends while it waits.
CANCELLED = ("canceling wait for synchronous replication", "canceling the wait for synchronous replication")


class WriteError(Exception):
    """A write that was not acknowledged."""


class Failed(WriteError):
    """Definitely not written."""


class Unknown(WriteError):
    """Possibly written."""


class Invalid(WriteError):
    """Refused because of its content."""


class Pool(Protocol):
    """The part of psycopg_pool.ConnectionPool that is used."""

    def connection(self, timeout: float | None = None) -> AbstractContextManager[Any]: ...


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


class Database:
    """The app's reads and writes."""

    def __init__(self, write: Pool, read: Pool) -> None:
        self.write_pool = write
        self.read_pool = read

    def read(self, statement: str, parameters: Sequence = ()) -> list[tuple]:
        """All rows of a SELECT; repeated once if the connection breaks. Raises psycopg.Error."""
        for tries_left in (1, 0):
            sent = False
            try:
                with self.read_pool.connection() as connection:
                    sent = True
                    return connection.execute(statement, parameters).fetchall()
            except psycopg.Error as error:
                if not (tries_left and sent and died(error)):
                    raise
        raise AssertionError("the last try returns or raises")

    def write(self, statement: str, parameters: Sequence) -> tuple:
        """The row that a statement returns, once it is committed and confirmed. Raises WriteError."""
        sent = False
        try:
            with self.write_pool.connection() as connection:
                connection.unconfirmed = None
                sent = True
                row = connection.execute(statement, parameters).fetchone()
                if connection.unconfirmed:
                    raise Unknown(connection.unconfirmed)
                return row
        except psycopg.Error as error:
            raise classify(error, sent=sent) from error


def classify(error: psycopg.Error, *, sent: bool) -> WriteError:
    """The outcome of a failed write. `sent`: whether the statement may have reached the server."""
    text = f"{error.sqlstate or type(error).__name__}: {str(error).strip() or 'no message'}"
    if not sent:
        return Failed(text)
    if died(error):
        return Unknown(text)
    if isinstance(error, psycopg.IntegrityError | psycopg.DataError):
        return Invalid(str(error).splitlines()[0])
    return Failed(text)


def died(error: psycopg.Error) -> bool:
    """Whether the connection ended before the answer arrived."""
    return error.sqlstate is None or error.sqlstate in SHUTDOWNS or error.sqlstate.startswith("08")


def answers(pool: Pool, timeout: float) -> bool:
    """Whether the database behind a pool answers."""
    try:
        with pool.connection(timeout=timeout) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True

"""The app's reads and writes, given a pool for each, and what became of a write that went wrong.

    WriteError
    ├── Failed      definitely not written: no connection was had, or the server refused the statement
    ├── Unknown     it may have been written: the connection died before the answer, or the server stopped
    │               waiting for its synchronous standby (the row is on the primary, and lost if that is)
    └── Invalid     refused because of what it says; trying again does not help

Writes lead to the primary. Reads lead to a replica, or to the primary while there is no replica: it is the proxy that
falls back, never the app.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import psycopg

# The server ends a session, which it also does to one whose commit is made and not yet confirmed.
SHUTDOWNS = ("57P01", "57P02", "57P03", "57P05")
# The second is what a session is told that the server ends while it waits.
CANCELLED = ("canceling wait for synchronous replication", "canceling the wait for synchronous replication")


class WriteError(Exception):
    """A write that was not acknowledged."""


class Failed(WriteError):
    """Definitely not written."""


class Unknown(WriteError):
    """Perhaps written."""


class Invalid(WriteError):
    """Refused because of its content."""


class Pool(Protocol):
    """What is used of psycopg_pool.ConnectionPool."""

    def connection(self, timeout: float | None = None) -> AbstractContextManager[Any]: ...


class WatchedConnection(psycopg.Connection):
    """A connection that remembers whether its last commit was confirmed by the synchronous standby."""

    unconfirmed: str | None = None

    def watch(self) -> None:
        """Begin to listen to the server's notices."""
        self.add_notice_handler(self.notice)

    def notice(self, diagnostic: Any) -> None:
        """Take note of the warning that a commit was not confirmed."""
        text = diagnostic.message_primary or ""
        if any(words in text for words in CANCELLED):
            self.unconfirmed = text


class Database:
    """Reads and writes of the app."""

    def __init__(self, write: Pool, read: Pool) -> None:
        self.write_pool = write
        self.read_pool = read

    def read(self, statement: str, parameters: Sequence = ()) -> list[tuple]:
        """All rows of a SELECT, asked once more where the connection dies under it. Raises psycopg.Error."""
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
    """What became of a write. `sent`: whether the statement may have reached the server."""
    text = f"{error.sqlstate or type(error).__name__}: {str(error).strip() or 'no message'}"
    if not sent:
        return Failed(text)
    if died(error):
        return Unknown(text)
    if isinstance(error, psycopg.IntegrityError | psycopg.DataError):
        return Invalid(str(error).splitlines()[0])
    return Failed(text)


def died(error: psycopg.Error) -> bool:
    """Whether the connection ended before the answer was had."""
    return error.sqlstate is None or error.sqlstate in SHUTDOWNS or error.sqlstate.startswith("08")


def answers(pool: Pool, timeout: float) -> bool:
    """Whether the database answers behind a pool."""
    try:
        with pool.connection(timeout=timeout) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True

"""The app's reads and writes on two connection pools, and the outcome of a failed write.

    Failure         a read or a write that was not answered
    ├── Failed      definitely not written: no connection, or the server refused the statement
    ├── Unknown     possibly written: the connection broke before the answer, or the server stopped waiting for
    │               its sync standby (the row exists on the primary only)
    └── Invalid     refused because of its content; a retry does not help

Writes go to the primary. Reads go to a replica, or to the primary if there is none: the proxy falls back, not the app.
What is specific to a kind of database is a client: postgresql.py, mysql.py; clients.py has a row for each.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Failure(Exception):
    """A read or a write that was not answered."""


class Failed(Failure):
    """Definitely not written."""


class Unknown(Failure):
    """Possibly written."""


class Invalid(Failure):
    """Refused because of its content."""


class Pool(Protocol):
    """Connections, each checked when it is taken; a broken one is replaced until the timeout."""

    def connection(self, timeout: float | None = None) -> AbstractContextManager[Any]: ...


class Client(Protocol):
    """One kind of database: its statements and its errors (`Error`). A module is one."""

    CITIES: str
    FORECASTS: str

    @property
    def Error(self) -> type[Exception]: ...

    def rows(self, connection: Any, statement: str, parameters: Sequence[Any]) -> list[tuple]:
        """The rows of a SELECT. Raises Error."""

    def insert(self, connection: Any, forecast: Sequence[Any]) -> bool:
        """Write a forecast, in a transaction of its own; whether it is new. Raises Error, Unknown."""

    def classify(self, error: Exception) -> Failure:
        """The outcome of a write that was sent and ended with this error."""


class Database:
    """The app's reads and writes."""

    def __init__(self, client: Client, write: Pool, read: Pool) -> None:
        self.client = client
        self.write_pool = write
        self.read_pool = read

    def cities(self) -> list[tuple]:
        """(name, country, latitude, longitude) of each. Raises Failure."""
        return self._read(self.client.CITIES, ())

    def forecasts(self, city: str | None, limit: int) -> list[tuple]:
        """(id, city, day, temperature, summary) of the newest, of one city or of all. Raises Failure."""
        return self._read(self.client.FORECASTS, (city, city, limit))

    def add(self, forecast: Sequence[Any]) -> bool:
        """Write (id, city, day, temperature, summary), and wait until it is confirmed; whether it is new.

        Raises Failure.
        """
        sent = False
        try:
            with self.write_pool.connection() as connection:
                sent = True
                return self.client.insert(connection, forecast)
        except self.client.Error as error:
            raise (self.client.classify(error) if sent else Failed(text(error))) from error

    def _read(self, statement: str, parameters: Sequence[Any]) -> list[tuple]:
        """All rows of a SELECT; repeated once if the connection breaks."""
        for tries_left in (1, 0):
            sent = False
            try:
                with self.read_pool.connection() as connection:
                    sent = True
                    return self.client.rows(connection, statement, parameters)
            except self.client.Error as error:
                if not (tries_left and sent and isinstance(self.client.classify(error), Unknown)):
                    raise Failed(text(error)) from error
        raise AssertionError("the last try returns or raises")

    def answers(self, pool: Pool, timeout: float) -> bool:
        """Whether the database behind a pool answers."""
        try:
            with pool.connection(timeout=timeout) as connection:
                self.client.rows(connection, "SELECT 1", ())
        except self.client.Error:
            return False
        return True


def text(error: Exception) -> str:
    """One line for the answer to a request."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]

"""One connection of a probe to PostgreSQL, with a deadline for each write, and what its outcome means.

Giving up a write must not cancel it: a cancel request ends the wait for a synchronous standby, and the row is then
committed locally without being safe. So at the deadline the socket is shut down, and the outcome is unknown.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

import psycopg

from firedrill.cluster import tls_errors
from firedrill.cluster.dialect import Answer
from firedrill.cluster.outcomes import ACKED, FAILED, UNKNOWN
from firedrill.cluster.patroni import sql_errors
from firedrill.cluster.patroni.outcomes import CANCELED_WAIT, sql_outcome

READ_ONLY = "25006"
Values = tuple[Any, ...]
# What a row that the statement returned says: the fields of an Answer.
Returned = Callable[[Values], dict[str, Any]]


class PostgresLane:
    """A connection for one statement, which returns one row. It survives only success and READ_ONLY."""

    def __init__(
        self,
        arguments: dict[str, Any],
        statement: str,
        values: Callable[[int], Values],
        returned: Returned,
        connect_s: float,
        deadline_s: float,
    ) -> None:
        self._arguments = arguments
        self._statement = statement
        self._values = values
        self._returned = returned
        self._connect_s = connect_s
        self._deadline_s = deadline_s
        self._connection: psycopg.AsyncConnection | None = None
        self._warning: str | None = None

    @property
    def open(self) -> bool:
        return self._connection is not None

    async def write(self, identity: int) -> Answer:
        """Send the statement, in a transaction of its own."""
        if self._connection is None:
            try:
                await asyncio.wait_for(self._connect(), self._connect_s)
            except (psycopg.Error, OSError, TimeoutError) as error:
                return Answer(
                    FAILED,
                    readonly=_sqlstate(error) == READ_ONLY,
                    kept_out=tls_errors.kept_out(error),
                    error=f"connect: {self._text(error)}",
                )
        self._warning = None
        task = asyncio.ensure_future(self._execute(self._values(identity)))
        done, _ = await asyncio.wait({task}, timeout=self._deadline_s)
        if not done:
            self._shut()
            await asyncio.wait({task})
            answer = Answer(UNKNOWN, error=f"no response within {self._deadline_s:g} s")
        else:
            answer = task.result()
        if answer.outcome != ACKED and not answer.readonly:
            await self.close()
        return answer

    async def _connect(self) -> None:
        self._connection = await psycopg.AsyncConnection.connect(**self._arguments, autocommit=True)
        self._connection.add_notice_handler(self._notice)

    def _notice(self, notice: psycopg.errors.Diagnostic) -> None:
        if CANCELED_WAIT in (notice.message_primary or ""):
            self._warning = notice.message_primary

    async def _execute(self, values: Values) -> Answer:
        assert self._connection
        try:
            cursor = await self._connection.execute(self._statement.encode(), values)
            row = await cursor.fetchone()
        except (psycopg.Error, OSError) as error:
            outcome = sql_outcome(_sqlstate(error), self._warning is not None)
            return Answer(outcome, readonly=_sqlstate(error) == READ_ONLY, error=self._text(error))
        fields = self._returned(row) if row else {}
        return Answer(UNKNOWN, **fields, error=self._warning) if self._warning else Answer(ACKED, **fields)

    def _text(self, error: Exception) -> str:
        state, cause = _sqlstate(error), sql_errors.cause(error, self._arguments)
        return f"{state}: {cause}" if state else cause

    def _shut(self) -> None:
        assert self._connection
        try:
            with socket.socket(fileno=os.dup(self._connection.pgconn.socket)) as twin:
                twin.shutdown(socket.SHUT_RDWR)
        except (OSError, psycopg.OperationalError):
            return  # closed already: the task ends by itself

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


def _sqlstate(error: Exception) -> str | None:
    return getattr(error, "sqlstate", None)

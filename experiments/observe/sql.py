"""One insert, on one connection, with a deadline, and what may be said of its outcome.

Abandoning an insert must not cancel it: a cancel request ends the wait for a synchronous standby, and the row is then
committed locally without being safe. So at the deadline the socket is shut down, and the outcome is unknown.
"""

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import Any

import psycopg

from firedrill.loadtests.outcomes import ACKED, CANCELED_WAIT, FAILED, UNKNOWN, sql_outcome

READ_ONLY = "25006"


@dataclass(frozen=True)
class Answer:
    """What became of one insert: its outcome, the row it returned, and the error with its SQLSTATE."""

    outcome: str
    row: tuple[Any, ...] | None = None
    error: str | None = None
    sqlstate: str | None = None


class Lane:
    """One connection, opened when first used and given up after any error but the refusal to write."""

    def __init__(self, arguments: dict[str, Any], connect_s: float, deadline_s: float) -> None:
        self._arguments = arguments
        self._connect_s = connect_s
        self._deadline_s = deadline_s
        self._connection: psycopg.AsyncConnection | None = None
        self._warning: str | None = None

    @property
    def open(self) -> bool:
        return self._connection is not None

    async def insert(self, statement: str, values: tuple[Any, ...]) -> Answer:
        """Send one statement that returns one row, in a transaction of its own."""
        if self._connection is None:
            try:
                await asyncio.wait_for(self._connect(), self._connect_s)
            except (psycopg.Error, OSError, TimeoutError) as error:
                return Answer(FAILED, error=f"connect: {_text(error)}", sqlstate=getattr(error, "sqlstate", None))
        self._warning = None
        task = asyncio.ensure_future(self._execute(statement, values))
        done, _ = await asyncio.wait({task}, timeout=self._deadline_s)
        if not done:
            self._shut()
            await asyncio.wait({task})
            answer = Answer(UNKNOWN, error=f"no answer within {self._deadline_s:g} s")
        else:
            answer = task.result()
        if answer.outcome != ACKED and answer.sqlstate != READ_ONLY:
            await self.close()
        return answer

    async def _connect(self) -> None:
        self._connection = await psycopg.AsyncConnection.connect(**self._arguments, autocommit=True)
        self._connection.add_notice_handler(self._notice)

    def _notice(self, notice: psycopg.errors.Diagnostic) -> None:
        if CANCELED_WAIT in (notice.message_primary or ""):
            self._warning = notice.message_primary

    async def _execute(self, statement: str, values: tuple[Any, ...]) -> Answer:
        assert self._connection
        try:
            cursor = await self._connection.execute(statement, values)
            row = await cursor.fetchone()
        except (psycopg.Error, OSError) as error:
            state = getattr(error, "sqlstate", None)
            outcome = sql_outcome(state, self._warning is not None)
            return Answer(outcome, error=_text(error), sqlstate=state)
        return Answer(UNKNOWN, row, self._warning) if self._warning else Answer(ACKED, row)

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


def _text(error: Exception) -> str:
    state = getattr(error, "sqlstate", None)
    first = (str(error) or type(error).__name__).strip().splitlines()[0]
    return f"{state}: {first}" if state else first

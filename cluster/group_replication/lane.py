"""One connection of a probe to a MySQL server, with a deadline for each write, and what its outcome means.

PyMySQL blocks, so a write runs in a thread. At the deadline the connection is given up, and the outcome is unknown: the
server may commit the row later.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymysql

from firedrill.cluster import tls_errors
from firedrill.cluster.dialect import Answer
from firedrill.cluster.group_replication import reports, sql
from firedrill.cluster.outcomes import ACKED, FAILED
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.errors import Problem

Values = tuple[Any, ...]
# As many writes as a probe lets hang at the same time.
_THREADS = ThreadPoolExecutor(80, thread_name_prefix="lane")


class MySQLLane:
    """A connection for one statement. It survives only success, and a refusal by a read-only server."""

    def __init__(
        self,
        endpoints: Callable[[], list[Endpoint]],
        statement: str,
        values: Callable[[int], Values],
        connect_s: float,
        deadline_s: float,
        *,
        with_epoch: bool,
        writable: bool = False,
    ) -> None:
        self._endpoints = endpoints
        self._statement = statement
        self._values = values
        self._connect_s = connect_s
        self._deadline_s = deadline_s
        self._with_epoch = with_epoch
        self._writable = writable
        self._connection: pymysql.Connection[Any] | None = None
        self._server: str | None = None

    @property
    def open(self) -> bool:
        return self._connection is not None

    async def write(self, identity: int) -> Answer:
        """Send the statement, in a transaction of its own."""
        return await asyncio.get_running_loop().run_in_executor(_THREADS, self.write_now, identity)

    def write_now(self, identity: int) -> Answer:
        """The same, blocking."""
        try:
            connection = self._connection or self._connect()
        except (*sql.ERRORS, Problem) as error:
            return Answer(FAILED, kept_out=tls_errors.kept_out(error), error=f"connect: {sql.cause(error)}")
        try:
            sql.rows(connection, self._statement, self._values(identity))
        except sql.ERRORS as error:
            read_only = sql.number(error) in sql.READ_ONLY
            if not read_only:
                self._drop()
            return Answer(sql.outcome(error), server=self._server, readonly=read_only, error=sql.cause(error))
        return Answer(ACKED, server=self._server, epoch=self._epoch(connection) if self._with_epoch else None)

    def _connect(self) -> "pymysql.Connection[Any]":
        """Raises sql.ERRORS."""
        self._connection = sql.connect_to_any(
            self._endpoints(), self._connect_s, self._deadline_s, writable=self._writable
        )
        ((self._server,),) = sql.rows(self._connection, "SELECT @@report_host")
        return self._connection

    def _epoch(self, connection: "pymysql.Connection[Any]") -> str | None:
        """The view in which the write was acknowledged. It was, also where this cannot be asked any more."""
        try:
            found = sql.rows(connection, reports.VIEW)
        except sql.ERRORS:
            self._drop()
            return None
        return str(found[0][0]) if found and found[0][0] else None

    def _drop(self) -> None:
        if self._connection is not None:
            reports.close(self._connection)
            self._connection = None

    async def close(self) -> None:
        self._drop()

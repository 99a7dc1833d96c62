"""PostgreSQL for probes and row counts: the probes' tables, their statements, the routes of clients."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import psycopg

from firedrill.cluster.dialect import PROBE, USERS, Lane, Session
from firedrill.cluster.patroni import sql_errors
from firedrill.cluster.patroni.lane import PostgresLane
from firedrill.cluster.patroni.session import PostgresSession
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

SCHEMA = "firedrill"
PAGE = 5000
CREATE = (
    "CREATE TABLE IF NOT EXISTS firedrill.probe (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())",
    "CREATE TABLE IF NOT EXISTS firedrill.node_probe (node text NOT NULL, id bigint NOT NULL, PRIMARY KEY (node, id))",
    "CREATE TABLE IF NOT EXISTS firedrill.event"
    " (id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), text text NOT NULL)",
    "CREATE INDEX IF NOT EXISTS event_at ON firedrill.event (at)",
    "TRUNCATE firedrill.probe, firedrill.node_probe, firedrill.event",
)
DROP = f"DROP SCHEMA {SCHEMA} CASCADE"
INSERT_FRONT = "INSERT INTO firedrill.probe (id) VALUES (%s) RETURNING host(inet_server_addr())"
# A primary's WAL file name begins with its timeline, in hex; on a replica the insert is refused before that.
INSERT_NODE = """
    INSERT INTO firedrill.node_probe (node, id) VALUES (%s, %s)
    RETURNING ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
"""
OF_PROBE = "SELECT id FROM firedrill.probe"
OF_EVENT_LOG = "SELECT id FROM firedrill.event"
OF_APP = "SELECT id FROM forecast"


class PostgresDialect:
    """Implements cluster/dialect.py."""

    def front_lane(self, access: Access, connect_s: float, deadline_s: float) -> Lane:
        return PostgresLane(
            access.sql_front(), INSERT_FRONT, lambda n: (n,), lambda row: {"server": row[0]}, connect_s, deadline_s
        )

    def node_lane(self, access: Access, host: Host, connect_s: float, deadline_s: float) -> Lane:
        return PostgresLane(
            access.sql_node(host),
            INSERT_NODE,
            lambda n: (host.name, n),
            lambda row: {"epoch": row[0]},
            connect_s,
            deadline_s,
        )

    def sessions(self, access: Access, *, writes: bool) -> Callable[[], Session]:
        return partial(PostgresSession, access.sql_front() if writes else access.sql_read())

    def tables_exist(self, access: Access) -> bool:
        with _connected("the probes' tables cannot be looked up", access.sql_front()) as connection:
            return schema_exists(connection)

    def create_tables(self, access: Access) -> None:
        with _connected("the probes' tables cannot be created", access.sql_front()) as connection:
            # CREATE SCHEMA IF NOT EXISTS requires the right to create it even where it exists.
            if not schema_exists(connection):
                connection.execute(f"CREATE SCHEMA {SCHEMA}")
            for statement in CREATE:
                connection.execute(statement.encode())

    def drop_tables(self, access: Access) -> None:
        remedy = f"{DROP} in {access.data['database']}"
        with _connected("the probes' schema is still there", access.sql_front(), remedy) as connection:
            if schema_exists(connection):
                connection.execute(DROP)

    def ids(self, access: Access, host: Host, table: str) -> Iterator[list[int] | list[str]]:
        query = OF_PROBE if table == PROBE else OF_EVENT_LOG
        if table == USERS and access.has_app:
            query = f"{OF_APP} UNION ALL {OF_EVENT_LOG}"
        with _connected(f"{host.name}: the table {table} cannot be read", access.sql_node(host)) as connection:
            yield from _pages(connection, query, int if table == PROBE else str)

    def write_route_error(self, access: Access, address: str) -> str | None:
        arguments = access.sql_front() | {"host": address}
        try:
            with psycopg.connect(**arguments) as connection:
                row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        except psycopg.Error as error:
            return f"no connection through {address} ({sql_errors.cause(error, arguments)})"
        return f"the write port of {address} leads to a replica" if row and row[0] else None

    def read_route(self, access: Access) -> str:
        with _connected("no reads", access.sql_read()) as connection:
            connection.execute("SELECT 1")
            return f"{connection.info.host}:{connection.info.port}"


@contextlib.contextmanager
def _connected(
    failure: str,
    arguments: dict[str, Any],
    remedy: str = "was the cluster deployed? `experiments doctor` tries each access",
) -> Iterator[psycopg.Connection]:
    """A connection; every error of it is a Problem that begins with `failure`."""
    try:
        with psycopg.connect(**arguments, autocommit=True) as connection:
            yield connection
    except psycopg.Error as error:
        raise Problem(f"{failure} ({sql_errors.cause(error, arguments)})", remedy) from None


def schema_exists(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", (SCHEMA,)).fetchone()
    return bool(row and row[0])


def _pages(connection: psycopg.Connection, query: str, convert: type) -> Iterator[list[Any]]:
    page: list[Any] = []
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT".encode()) as copy:
        for row in copy.rows():
            page.append(convert(row[0]))
            if len(page) == PAGE:
                yield page
                page = []
    if page:
        yield page

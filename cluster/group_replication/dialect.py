"""MySQL for probes, users of the event log and row counts: the tables, their statements, the routes of clients."""

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
from pymysql.cursors import SSCursor

from firedrill.cluster.dialect import PROBE, USERS, Lane, Session
from firedrill.cluster.group_replication import reports, sql
from firedrill.cluster.group_replication.lane import MySQLLane
from firedrill.cluster.group_replication.session import MySQLSession
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host

SCHEMA = "firedrill"
TABLES = ("probe", "node_probe", "event")
FORECASTS = "weather.forecast"  # the app's
PAGE = 5000
CONNECT_S = 2.0
ANSWER_S = 30.0  # of all rows of a table
CREATE = (
    f"CREATE DATABASE IF NOT EXISTS {SCHEMA}",
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.probe (id bigint PRIMARY KEY, at timestamp(6) DEFAULT CURRENT_TIMESTAMP(6))",
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.node_probe (node varchar(64), id bigint, PRIMARY KEY (node, id))",
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.event (id char(36) PRIMARY KEY,"
    " at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), text text NOT NULL, KEY event_at (at))",
    *(f"TRUNCATE {SCHEMA}.{table}" for table in TABLES),
)
DROP = f"DROP DATABASE IF EXISTS {SCHEMA}"
EXISTS = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = %s AND table_name = 'probe'"
INSERT_FRONT = f"INSERT INTO {SCHEMA}.probe (id) VALUES (%s)"
INSERT_NODE = f"INSERT INTO {SCHEMA}.node_probe (node, id) VALUES (%s, %s)"


class MySQLDialect:
    """Implements cluster/dialect.py."""

    def front_lane(self, access: Access, connect_s: float, deadline_s: float) -> Lane:
        return MySQLLane(
            lambda: in_any_order(access.mysql_front("write")),
            INSERT_FRONT,
            lambda identity: (identity,),
            connect_s,
            deadline_s,
            with_epoch=False,
            writable=not access.through_proxy,
        )

    def node_lane(self, access: Access, host: Host, connect_s: float, deadline_s: float) -> Lane:
        return MySQLLane(
            lambda: [access.mysql(host)],
            INSERT_NODE,
            lambda identity: (host.name, identity),
            connect_s,
            deadline_s,
            with_epoch=True,
        )

    def sessions(self, access: Access, *, writes: bool) -> Callable[[], Session]:
        endpoints = access.mysql_front("write" if writes else "read")
        for endpoint in endpoints:
            endpoint.context()  # raises Problem now, and not at each connection
        writable = writes and not access.through_proxy
        return lambda: MySQLSession(in_any_order(endpoints), writable=writable)

    def tables_exist(self, access: Access) -> bool:
        with _front("the probes' tables cannot be looked up", access) as connection:
            return bool(sql.rows(connection, EXISTS, (SCHEMA,))[0][0])

    def create_tables(self, access: Access) -> None:
        with _front("the probes' tables cannot be created", access) as connection:
            for statement in CREATE:
                sql.rows(connection, statement)

    def drop_tables(self, access: Access) -> None:
        with _front("the probes' schema is still there", access, DROP) as connection:
            sql.rows(connection, DROP)

    def ids(self, access: Access, host: Host, table: str) -> Iterator[list[int] | list[str]]:
        names = [f"{SCHEMA}.probe"] if table == PROBE else [f"{SCHEMA}.event"]
        if table == USERS and access.has_app:
            names.append(FORECASTS)
        with (
            _connected(f"{host.name}: the table {table} cannot be read", [access.mysql(host)]) as connection,
            connection.cursor(SSCursor) as cursor,
        ):
            cursor.execute(" UNION ALL ".join(f"SELECT id FROM {name}" for name in names))
            while page := cursor.fetchmany(PAGE):
                yield [row[0] for row in page]

    def write_route_error(self, access: Access, address: str) -> str | None:
        endpoints = access.mysql_front("write", address)
        try:
            with _connected(f"no connection through {address}", endpoints) as connection:
                read_only = sql.rows(connection, "SELECT @@super_read_only")[0][0]
        except Problem as problem:
            return problem.cause
        return f"the write port of {address} leads to a server that is read-only" if read_only else None

    def read_route(self, access: Access) -> str:
        with _connected("no reads", access.mysql_front("read")) as connection:
            sql.rows(connection, "SELECT 1")
            return f"{connection.host}:{connection.port}"


def in_any_order(endpoints: list[Endpoint]) -> list[Endpoint]:
    """A dead proxy at the head of the list would delay every new connection."""
    return random.sample(endpoints, len(endpoints))


def _front(failure: str, access: Access, *remedy: str) -> "contextlib.AbstractContextManager[pymysql.Connection[Any]]":
    """A connection to where clients write."""
    return _connected(failure, access.mysql_front("write"), *remedy, writable=not access.through_proxy)


@contextlib.contextmanager
def _connected(
    failure: str,
    endpoints: list[Endpoint],
    remedy: str = "was the cluster deployed? `experiments doctor` tries each access",
    *,
    writable: bool = False,
) -> "Iterator[pymysql.Connection[Any]]":
    """A connection to the first that accepts; every error of it is a Problem that begins with `failure`."""
    try:
        connection = sql.connect_to_any(endpoints, CONNECT_S, ANSWER_S, writable=writable)
    except sql.ERRORS as error:
        raise Problem(f"{failure} ({sql.cause(error)})", remedy) from None
    try:
        yield connection
    except sql.ERRORS as problem:
        raise Problem(f"{failure} ({sql.cause(problem)})", remedy) from None
    finally:
        reports.close(connection)

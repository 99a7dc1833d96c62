"""The tables whose rows are counted: made before a run, read to their end after it."""

from collections.abc import Iterator

import psycopg

from firedrill.cluster import patroni
from firedrill.experiments.observe.writer import Writer
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

CHUNK = 5000
PREPARE = (
    "CREATE TABLE IF NOT EXISTS firedrill.probe (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())",
    "CREATE TABLE IF NOT EXISTS firedrill.node_probe (node text NOT NULL, id bigint NOT NULL, PRIMARY KEY (node, id))",
    "CREATE TABLE IF NOT EXISTS firedrill.event"
    " (id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), text text NOT NULL)",
    "CREATE INDEX IF NOT EXISTS event_at ON firedrill.event (at)",
    "TRUNCATE firedrill.probe, firedrill.node_probe, firedrill.event",
)
SCHEMA = "firedrill"
PROBE = "SELECT id FROM firedrill.probe"
OF_APP = "SELECT id FROM forecast"
OF_LOG = "SELECT id FROM firedrill.event"


def prepare(access: Access) -> None:
    """Make the probes' tables, and empty them. Raises Problem."""
    try:
        with psycopg.connect(**access.sql_front(), autocommit=True) as connection:
            if not there(connection):
                connection.execute(f"CREATE SCHEMA {SCHEMA}")
            for statement in PREPARE:
                connection.execute(statement)
    except psycopg.Error as error:
        raise Problem(
            f"the probes' tables cannot be made ({first_line(error)})",
            "was the cluster deployed? `experiments doctor` tries each way in",
        ) from None


def there(connection: psycopg.Connection) -> bool:
    """Whether the probes' schema exists. (CREATE ... IF NOT EXISTS asks for the right to create it all the same.)"""
    row = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", (SCHEMA,)).fetchone()
    return bool(row and row[0])


def read(access: Access, write: Writer) -> None:
    """Write every id that the tables hold on the leader. Raises Problem where there is none to ask."""
    leader = patroni.view(access).leader
    if leader is None:
        raise Problem("no leader to read the tables from", "the verdict will be unknown")
    host = access.inventory[leader.name]
    try:
        with psycopg.connect(**access.sql_node(host)) as connection:
            _read_table(connection, "probe", PROBE, leader.name, write)
            of_users = f"{OF_APP} UNION ALL {OF_LOG}" if access.has_app else OF_LOG
            _read_table(connection, "forecast", of_users, leader.name, write)
    except psycopg.Error as error:
        raise Problem(
            f"{leader.name}: the tables cannot be read ({first_line(error)})", "the verdict will be unknown"
        ) from None


def _read_table(connection: psycopg.Connection, table: str, query: str, leader: str, write: Writer) -> None:
    count = 0
    for ids in _chunks(connection, table, query):
        write("present", host=leader, table=table, ids=ids)
        count += len(ids)
    write("present_end", host=leader, table=table, count=count, leader=leader)


def _chunks(connection: psycopg.Connection, table: str, query: str) -> Iterator[list]:
    convert = int if table == "probe" else str
    chunk: list = []
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT") as copy:
        for row in copy.rows():
            chunk.append(convert(row[0]))
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


def first_line(error: Exception) -> str:
    """What it says, without the server's detail and hint."""
    return str(error).strip().splitlines()[0]

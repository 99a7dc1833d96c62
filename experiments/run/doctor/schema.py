"""The probes' schema: whether it exists, or can be made; one that was made here is dropped again."""

import contextlib
from collections.abc import Iterator

import psycopg

from firedrill.experiments.observe import tables
from firedrill.experiments.run.doctor.check import Check
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem

DROP = f"DROP SCHEMA {tables.SCHEMA} CASCADE"


@contextlib.contextmanager
def usable(access: Access) -> Iterator[Check]:
    """The probes' tables exist during the body. They are dropped afterwards, unless they existed before."""
    what, needed = "schema", "both probes and the lost writes: every verdict"
    try:
        with psycopg.connect(**access.sql_front(), autocommit=True) as connection:
            there = tables.there(connection)
    except psycopg.Error as error:
        yield Check(what, False, tables.first_line(error), needed)
        return
    try:
        yield _made(access, there, what, needed)
    finally:
        if not there:
            _drop(access)


def _made(access: Access, there: bool, what: str, needed: str) -> Check:
    try:
        tables.prepare(access)
    except (psycopg.Error, Problem) as error:
        return Check(what, False, tables.first_line(error), needed)
    found = f"{tables.SCHEMA} {'exists' if there else 'can be made'} in {access.data['database']}"
    return Check(what, True, found, needed)


def _drop(access: Access) -> None:
    """Drop what was made, even in part. A database that refused is left as it is."""
    try:
        with psycopg.connect(**access.sql_front(), autocommit=True) as connection:
            if tables.there(connection):
                connection.execute(DROP)
    except psycopg.Error as error:
        where = f"run `{DROP}` in {access.data['database']}"
        raise Problem(f"the schema that was made could not be dropped ({tables.first_line(error)})", where) from None

"""The users' access: the app, or reads from the database."""

import httpx
import psycopg

from firedrill.cluster import patroni
from firedrill.experiments.observe import tables
from firedrill.experiments.run.doctor.check import Check
from firedrill.inventories.access import Access

NEEDED = "the read outage, errors of users, 95 % of the load"


def check(access: Access) -> Check:
    if not access.has_app:
        return _without_app(access)
    try:
        answer = httpx.get(f"{access.http_url}/cities", timeout=patroni.SECONDS).raise_for_status()
    except httpx.HTTPError as error:
        return Check("users", False, f"{access.http_url}: {error or type(error).__name__}".splitlines()[0], NEEDED)
    return Check("users", True, f"{access.http_url} answers ({len(answer.json())} cities)", NEEDED)


def _without_app(access: Access) -> Check:
    """Users of an event log. Their writes are tried with the schema."""
    try:
        with psycopg.connect(**access.sql_read()) as connection:
            connection.execute("SELECT 1")
            where = f"{connection.info.host}:{connection.info.port}"
    except psycopg.Error as error:
        return Check("users", False, f"no reads: {tables.first_line(error)}", NEEDED)
    return Check("users", True, f"no app: users of an event log, who read from {where}", NEEDED)

"""Connection pools that survive a failover.

A connection is checked each time it is taken: one that a failover broke, or that leads to a demoted primary, is thrown
away and another is tried, until the pool's short timeout says that there is no database.
"""

from collections.abc import Mapping

import psycopg
from psycopg_pool import ConnectionPool

from .database import WatchedConnection

NAME = "weather"
CONNECT = {
    "dbname": NAME,
    "user": NAME,
    "application_name": NAME,
    "connect_timeout": 2,
    # Milliseconds until sent data without an answer ends the connection: a host without power says nothing.
    "tcp_user_timeout": 2000,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    # One statement is one transaction here, so that a single answer decides about it.
    "autocommit": True,
}


def check_writable(connection: psycopg.Connection) -> None:
    """Refuse a server that was demoted: its old connections live on for a moment."""
    if connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
        connection.close()
        raise psycopg.OperationalError("the server is not the primary any more")


def pool(settings: Mapping[str, str], purpose: str) -> ConnectionPool:
    """The pool for `write` or `read`, through the proxies. It opens whether or not the database is there."""
    hosts = settings["WEATHER_HOST"]
    ports = ",".join([settings[f"WEATHER_{purpose.upper()}_PORT"]] * len(hosts.split(",")))
    return ConnectionPool(
        kwargs={**CONNECT, "host": hosts, "port": ports, "password": settings["WEATHER_PASSWORD"]},
        connection_class=WatchedConnection,
        name=purpose,
        min_size=2,
        max_size=6,
        timeout=2,
        max_idle=60,
        max_lifetime=600,
        # Give up soon: pauses between attempts double, while a request that finds no connection starts a new attempt.
        reconnect_timeout=2,
        configure=WatchedConnection.watch,
        check=check_writable if purpose == "write" else ConnectionPool.check_connection,
        open=True,
    )

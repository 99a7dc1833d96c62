"""Connection pools to PostgreSQL that survive a failover.

A connection is checked each time it is taken. One that a failover broke, or that leads to a demoted primary, is
discarded and another is tried, until the pool's short timeout expires.
"""

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from .postgresql import WatchedConnection

NAME = "weather"
CONNECT = {
    "dbname": NAME,
    "user": NAME,
    "application_name": NAME,
    "connect_timeout": 2,
    # Milliseconds until unacknowledged data ends the connection: a host without power sends no reset.
    "tcp_user_timeout": 2000,
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    # One statement is one transaction, so that a single answer determines its outcome.
    "autocommit": True,
}


def protection(settings: Mapping[str, str]) -> dict[str, str]:
    """With the certificate authority of the databases: TLS, and a server that proves its name. Otherwise none."""
    return {"sslmode": "verify-full", "sslrootcert": ca} if (ca := settings.get("WEATHER_CA")) else {}


class CheckedPool(ConnectionPool):
    """A pool that checks each connection before it hands it out; psycopg_pool can do that itself only from 3.2 on."""

    def __init__(self, check: Callable[[psycopg.Connection], None], **options: Any) -> None:
        self.check_one = check
        super().__init__(**options)

    def getconn(self, timeout: float | None = None) -> psycopg.Connection:
        """A connection that passed the check. Raises PoolTimeout if there is none within the timeout."""
        deadline = monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            connection = super().getconn(max(0.0, deadline - monotonic()))
            try:
                self.check_one(connection)
            except psycopg.Error:
                self.putconn(connection)  # discards it if it is closed, as after most errors
            else:
                return connection


def check_alive(connection: psycopg.Connection) -> None:
    """Refuse a server that does not answer."""
    connection.execute("")


def check_writable(connection: psycopg.Connection) -> None:
    """Refuse a demoted server: its old connections survive for a moment."""
    if connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
        connection.close()
        raise psycopg.OperationalError("the server is no longer the primary")


def pool(settings: Mapping[str, str], purpose: str) -> CheckedPool:
    """The pool for `write` or `read`, through the proxies. It opens even if the database is not available."""
    hosts = settings["WEATHER_HOST"]
    ports = ",".join([settings[f"WEATHER_{purpose.upper()}_PORT"]] * len(hosts.split(",")))
    return CheckedPool(
        kwargs={
            **CONNECT,
            **protection(settings),
            "host": hosts,
            "port": ports,
            "password": settings["WEATHER_PASSWORD"],
        },
        connection_class=WatchedConnection,
        name=purpose,
        min_size=2,
        max_size=6,
        timeout=2,
        max_idle=60,
        max_lifetime=600,
        # Short: pauses between attempts double, while a request without a connection starts a new attempt.
        reconnect_timeout=2,
        configure=WatchedConnection.watch,
        check=check_writable if purpose == "write" else check_alive,
        open=True,
    )

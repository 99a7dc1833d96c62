"""Connections to MySQL servers, each statement with a deadline, and what an error means for a write."""

import ssl
from collections.abc import Sequence
from typing import Any

import pymysql

from firedrill.cluster.outcomes import FAILED, UNKNOWN
from firedrill.inventories.endpoint import Endpoint

ERRORS = (pymysql.MySQLError, OSError, ssl.SSLError)
Rows = Sequence[Sequence[Any]]
# A server that is not the group's primary refuses writes; so does one that has left the group.
READ_ONLY = (1290, 1836)
# The client's own errors (the connection broke), a server that shuts down, a session that was killed.
CLIENT = range(2000, 3000)
GONE = (1053, 1317, 1927, 3024)


def connect(endpoint: Endpoint, seconds: float, deadline_s: float | None = None) -> "pymysql.Connection[Any]":
    """A connection that commits each statement. Raises ERRORS.

    + seconds: for the connection; + deadline_s: for each answer, by default as long
    """
    user, password = endpoint.auth or ("", "")
    return pymysql.connect(
        host=endpoint.address,
        port=endpoint.port,
        user=user,
        password=password,
        autocommit=True,
        connect_timeout=seconds,
        read_timeout=deadline_s or seconds,
        write_timeout=deadline_s or seconds,
        ssl=endpoint.tls.context() if endpoint.tls else None,
        ssl_disabled=endpoint.tls is None,
        program_name="firedrill",
    )


def connect_to_any(
    endpoints: Sequence[Endpoint], seconds: float, deadline_s: float, *, writable: bool = False
) -> "pymysql.Connection[Any]":
    """A connection to the first server that accepts; with `writable` to the first that takes writes. Raises ERRORS.

    A proxy leads to the primary. Without one, the servers are tried.
    """
    last: Exception = pymysql.OperationalError(2003, "no address")
    for endpoint in endpoints:
        try:
            connection = connect(endpoint, seconds, deadline_s)
            if not writable or not rows(connection, "SELECT @@super_read_only")[0][0]:
                return connection
            connection.close()
            last = pymysql.OperationalError(1290, f"{endpoint.address} is read-only, and no other server takes writes")
        except ERRORS as error:
            last = error
    raise last


def rows(connection: "pymysql.Connection[Any]", statement: str, values: Sequence[Any] = ()) -> Rows:
    """The rows of a statement. Raises ERRORS."""
    with connection.cursor() as cursor:
        cursor.execute(statement, tuple(values) or None)
        found: Rows = cursor.fetchall()
        return found


def number(error: BaseException) -> int | None:
    """MySQL's number of an error; None for one of the network."""
    first = error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else None
    return first if isinstance(first, int) else None


def outcome(error: BaseException) -> str:
    """The outcome of a statement that was sent and ended with this error."""
    code = number(error)
    return UNKNOWN if code is None or code in CLIENT or code in GONE else FAILED


def cause(error: BaseException) -> str:
    """One line: the number and the message."""
    if isinstance(error, pymysql.MySQLError) and len(error.args) > 1:
        return f"{error.args[0]}: {str(error.args[1]).strip().splitlines()[0]}"
    return (str(error) or type(error).__name__).strip().splitlines()[0]

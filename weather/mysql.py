"""The weather app on MySQL: statements, and the outcome of errors."""

from collections.abc import Sequence
from typing import Any

import pymysql

from .database import Failed, Failure, Invalid, Unknown

CITIES = "SELECT name, country, CAST(latitude AS DOUBLE), CAST(longitude AS DOUBLE) FROM city ORDER BY name"
FORECASTS = """
SELECT id, city, CAST(day AS CHAR), CAST(temperature_c AS DOUBLE), summary FROM forecast
WHERE %s IS NULL OR city = %s ORDER BY created_at DESC LIMIT %s
"""
# A row is visible only after a majority of the group has it: an existing one needs no second write.
INSERT = """
INSERT INTO forecast (id, city, day, temperature_c, summary) VALUES (%s, %s, %s, %s, %s) AS new
ON DUPLICATE KEY UPDATE id = new.id
"""
# The client's own errors: the connection broke. Of the server: it shuts down, or the session was ended.
BROKEN = range(2000, 3000)
ENDED = (1053, 1317, 1927, 3024)

Error = pymysql.MySQLError


def rows(connection: Any, statement: str, parameters: Sequence[Any]) -> list[tuple]:
    """The rows of a SELECT. Raises Error."""
    with connection.cursor() as cursor:
        cursor.execute(statement, tuple(parameters))
        return list(cursor.fetchall())


def insert(connection: Any, forecast: Sequence[Any]) -> bool:
    """Write a forecast; whether it is new. Raises Error."""
    identity, *values = forecast
    with connection.cursor() as cursor:
        created: int = cursor.execute(INSERT, (str(identity), *values))
        return created == 1


def classify(error: Exception) -> Failure:
    """The outcome of a write that was sent and ended with this error."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else None
    text = ": ".join(map(str, error.args)) or type(error).__name__
    # PyMySQL's number of a connection that is closed already is 0.
    if not number or number in BROKEN or number in ENDED:
        return Unknown(text)
    if isinstance(error, pymysql.IntegrityError | pymysql.DataError):
        return Invalid(text)
    return Failed(text)

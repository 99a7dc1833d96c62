"""The weather app on MySQL: outcomes of its errors, and its pool, on connections that do as they are told."""

import datetime
import uuid
from contextlib import contextmanager

import pymysql
import pytest

from firedrill.weather import mysql, mysql_pool, postgresql
from firedrill.weather.api import create_app
from firedrill.weather.database import Database, Failed, Invalid, Unknown
from firedrill.weather.health import Health

ID = "6f1c1a52-5d1c-4f65-9a3e-0d6a5b1f7c11"
FORECAST = {"id": ID, "city": "Berlin", "day": "2030-01-31", "temperature_c": 3.5, "summary": "rain"}


class Cursor:
    def __init__(self, connection):
        self.connection = connection

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def execute(self, statement, parameters=()):
        self.connection.said.append((statement, parameters))
        if self.connection.error:
            raise self.connection.error
        return self.connection.affected

    def fetchall(self):
        return self.connection.answer


class FakeConnection:
    def __init__(self, answer=(), affected=1, error=None):
        self.answer, self.affected, self.error = answer, affected, error
        self.said, self.open = [], True

    def cursor(self):
        return Cursor(self)

    def close(self):
        self.open = False


class FakePool:
    def __init__(self, held):
        self.held = held

    @contextmanager
    def connection(self, timeout=None):
        yield self.held


def client(connection):
    database = Database(mysql, FakePool(connection), FakePool(connection))
    return create_app(database, Health(database)).test_client()


@pytest.mark.parametrize(("affected", "status"), [(1, 201), (0, 200), (2, 200)])
def test_a_forecast_is_created_once(affected, status):
    connection = FakeConnection(affected=affected)
    answer = client(connection).post("/forecasts", json=FORECAST)
    assert (answer.status_code, answer.json) == (status, {"id": ID})
    assert connection.said[0][1] == (ID, "Berlin", datetime.date(2030, 1, 31), 3.5, "rain")


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [
        (pymysql.OperationalError(1290, "super-read-only"), 503, "failed"),
        (pymysql.OperationalError(3101, "Plugin instructed the server to rollback"), 503, "failed"),
        (pymysql.OperationalError(2013, "Lost connection"), 503, "unknown"),
        (pymysql.InterfaceError(0, ""), 503, "unknown"),
        (pymysql.OperationalError(1053, "Server shutdown in progress"), 503, "unknown"),
        (pymysql.IntegrityError(1452, "a foreign key constraint fails"), 400, None),
        (pymysql.DataError(1406, "Data too long"), 400, None),
    ],
)
def test_the_outcome_of_a_write(error, status, outcome):
    answer = client(FakeConnection(error=error)).post("/forecasts", json=FORECAST)
    assert (answer.status_code, answer.json.get("outcome")) == (status, outcome)


def test_reads_have_the_columns_of_the_api():
    connection = FakeConnection([(ID, "Berlin", "2030-01-31", 3.5, "rain")])
    assert client(connection).get("/forecasts?city=Berlin&limit=5").json == [FORECAST]
    assert connection.said[0][1] == ("Berlin", "Berlin", 5)


def test_a_read_is_repeated_once_if_its_connection_broke():
    connection = FakeConnection(error=pymysql.OperationalError(2013, "Lost connection"))
    assert client(connection).get("/cities").status_code == 503
    assert len(connection.said) == 2


def test_every_kind_of_database_answers_the_same_questions():
    for name in ("CITIES", "FORECASTS", "Error", "rows", "insert", "classify"):
        assert hasattr(mysql, name) and hasattr(postgresql, name)


@pytest.mark.parametrize("error", [pymysql.OperationalError(2013, "x"), pymysql.OperationalError(1290, "x")])
def test_nothing_that_failed_is_called_invalid(error):
    assert isinstance(mysql.classify(error), Unknown | Failed) and not isinstance(mysql.classify(error), Invalid)


# The pool


@pytest.fixture
def pooled():
    """A pool of two, the connections that it made, and those that no longer pass the check."""
    made, broken = [], set()

    def connect():
        made.append(FakeConnection())
        return made[-1]

    def check(connection):
        if connection in broken:
            raise pymysql.OperationalError(2013, "Lost connection")

    return mysql_pool.MySQLPool(connect, check, size=2, timeout=0.2), made, broken


def test_a_connection_is_used_again(pooled):
    pool, made, _ = pooled
    for _ in range(3):
        with pool.connection():
            pass
    assert len(made) == 1


def test_connections_that_a_failover_broke_are_replaced(pooled):
    pool, made, broken = pooled
    with pool.connection(), pool.connection():
        pass
    broken.update(made)
    with pool.connection() as connection:
        assert connection not in broken
    assert [one.open for one in made] == [False, False, True]


def test_a_connection_whose_statement_failed_is_closed(pooled):
    pool, made, _ = pooled
    with pytest.raises(pymysql.OperationalError), pool.connection():
        raise pymysql.OperationalError(2013, "Lost connection")
    assert not made[0].open
    with pool.connection() as connection:
        assert connection is not made[0]


def test_who_finds_no_free_connection_waits_no_longer_than_the_timeout(pooled):
    pool, made, _ = pooled
    with (
        pool.connection(),
        pool.connection(),
        pytest.raises(pymysql.OperationalError, match="no connection was free within 0.2 s"),
        pool.connection(),
    ):
        pass
    assert len(made) == 2


def test_without_a_database_the_error_is_that_of_the_connection():
    def connect():
        raise pymysql.OperationalError(2003, "no connection to 192.0.2.100:5000")

    pool = mysql_pool.MySQLPool(connect, lambda _: None, size=2, timeout=0.1)
    with pytest.raises(pymysql.OperationalError, match="192.0.2.100:5000"), pool.connection():
        pass


@pytest.mark.parametrize(("answer", "taken"), [([(0,)], True), ([(1,)], False)])
def test_a_demoted_primary_is_refused_for_writes(answer, taken):
    connection = FakeConnection(answer)
    if taken:
        mysql_pool.check_writable(connection)
    else:
        with pytest.raises(pymysql.OperationalError, match="no longer the primary"):
            mysql_pool.check_writable(connection)


@pytest.mark.parametrize(("capabilities", "refused"), [(0, True), (mysql_pool.CLIENT.SSL, False)])
def test_a_server_without_tls_is_sent_no_password(monkeypatch, capabilities, refused):
    sent = []
    monkeypatch.setattr(mysql_pool.Connection, "_request_authentication", lambda self: sent.append(self.password))
    connection = mysql_pool.VerifiedConnection.__new__(mysql_pool.VerifiedConnection)
    connection.ssl, connection.server_capabilities, connection.password = True, capabilities, b"secret"
    if refused:
        with pytest.raises(pymysql.OperationalError, match="no TLS"):
            connection._request_authentication()
    else:
        connection._request_authentication()
    assert bool(sent) is not refused


def test_an_id_of_uuid_becomes_text():
    connection = FakeConnection()
    mysql.insert(connection, (uuid.UUID(ID), "Berlin", datetime.date(2030, 1, 31), 3.5, "rain"))
    assert connection.said[0][1][0] == ID

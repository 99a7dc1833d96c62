"""The API on pools that do as they are told: no database, no network."""

import uuid
from contextlib import contextmanager

import psycopg
import pytest

from firedrill.weather import postgresql
from firedrill.weather.api import create_app
from firedrill.weather.database import Database
from firedrill.weather.health import Health
from firedrill.weather.postgresql import WatchedConnection

ID = "6f1c1a52-5d1c-4f65-9a3e-0d6a5b1f7c11"
FORECAST = {"id": ID, "city": "Berlin", "day": "2030-01-31", "temperature_c": 3.5, "summary": "rain"}


class Rows:
    def __init__(self, rows):
        self.rows = rows

    def fetchone(self):
        return self.rows[0]

    def fetchall(self):
        return self.rows


class FakeConnection:
    """Answers every statement with these rows, or raises; `warn` is what its commits are warned of."""

    def __init__(self, rows=(), error=None, warn=None):
        self.rows, self.error, self.warn = list(rows), error, warn
        self.unconfirmed = None
        self.statements = []

    def execute(self, statement, parameters=()):
        self.statements.append((statement, parameters))
        self.unconfirmed = self.warn
        if self.error:
            raise self.error
        return Rows(self.rows)


class FakePool:
    def __init__(self, connection=None, error=None):
        self.held, self.error = connection, error

    @contextmanager
    def connection(self, timeout=None):
        if self.error:
            raise self.error
        yield self.held


def refused(state, kind=psycopg.OperationalError, text="no"):
    """A server's error with this SQLSTATE."""
    error = kind(text)
    error.sqlstate = state
    return error


def client(write=None, read=None):
    database = Database(postgresql, write or FakePool(FakeConnection([(True,)])), read or FakePool(FakeConnection()))
    return create_app(database, Health(database)).test_client()


def test_a_new_forecast_is_created():
    connection = FakeConnection([(True,)])
    answer = client(FakePool(connection)).post("/forecasts", json=FORECAST)
    assert (answer.status_code, answer.json) == (201, {"id": ID})
    assert connection.statements[0][1][0] == uuid.UUID(ID)


def test_the_same_forecast_again_is_there_already():
    answer = client(FakePool(FakeConnection([(False,)]))).post("/forecasts", json=FORECAST)
    assert (answer.status_code, answer.json) == (200, {"id": ID})


def test_a_repeated_forecast_is_written_too_so_that_its_commit_waits_for_the_standby():
    connection = FakeConnection([(False,)])
    client(FakePool(connection)).post("/forecasts", json=FORECAST)
    assert "DO UPDATE" in connection.statements[0][0]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"id": "seven"}, "badly formed"),
        ({"day": "2030-02-31"}, "day"),
        ({"temperature_c": "warm"}, "warm"),
        ({"temperature_c": float("nan")}, "temperature_c is nan"),
        ({"temperature_c": 101}, "wanted -100 to 100"),
        ({"summary": "x" * 1001}, "1000"),
        ({"city": "Ber\0lin"}, "NUL"),
        ({"city": None}, "city"),
    ],
)
def test_an_impossible_forecast_is_refused_with_the_cause(change, cause):
    answer = client().post("/forecasts", json={**FORECAST, **change})
    assert answer.status_code == 400
    assert cause in answer.json["error"]


@pytest.mark.parametrize("field", FORECAST)
def test_a_missing_field_is_named(field):
    answer = client().post("/forecasts", json={name: value for name, value in FORECAST.items() if name != field})
    assert (answer.status_code, answer.json) == (400, {"error": f"{field} is missing"})


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"'])
def test_a_body_that_is_no_object_is_refused(body):
    answer = client().post("/forecasts", data=body, content_type="application/json")
    assert (answer.status_code, answer.json) == (400, {"error": "the body is not a JSON object"})


def test_an_unknown_city_is_the_clients_mistake():
    error = refused("23503", psycopg.errors.ForeignKeyViolation, "violates foreign key")
    answer = client(FakePool(FakeConnection(error=error))).post("/forecasts", json=FORECAST)
    assert (answer.status_code, answer.json) == (400, {"error": "violates foreign key"})


def test_no_connection_means_failed_although_the_error_is_that_of_a_broken_one():
    pool = FakePool(error=psycopg.OperationalError("couldn't get a connection after 2.00 sec"))
    answer = client(pool).post("/forecasts", json=FORECAST)
    assert answer.status_code == 503
    assert answer.json["outcome"] == "failed"


@pytest.mark.parametrize("state", ["25006", "40001", "53300", "57014"])
def test_a_refusing_server_means_failed(state):
    answer = client(FakePool(FakeConnection(error=refused(state)))).post("/forecasts", json=FORECAST)
    assert (answer.status_code, answer.json["outcome"]) == (503, "failed")
    assert state in answer.json["error"]


@pytest.mark.parametrize("state", [None, "57P01", "57P02", "08006"])
def test_a_connection_that_dies_means_unknown(state):
    answer = client(FakePool(FakeConnection(error=refused(state)))).post("/forecasts", json=FORECAST)
    assert (answer.status_code, answer.json["outcome"]) == (503, "unknown")


def test_a_commit_that_the_standby_did_not_confirm_means_unknown():
    warning = "canceling wait for synchronous replication due to user request"
    answer = client(FakePool(FakeConnection([(True,)], warn=warning))).post("/forecasts", json=FORECAST)
    assert (answer.status_code, answer.json) == (503, {"error": warning, "outcome": "unknown"})


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("canceling wait for synchronous replication due to user request", True),
        ("canceling the wait for synchronous replication and terminating connection due to ...", True),
        ("relation exists already", False),
        (None, False),
    ],
)
def test_the_warning_is_recognised(text, taken):
    connection = WatchedConnection.__new__(WatchedConnection)
    connection.notice(type("Diagnostic", (), {"message_primary": text}))
    assert bool(connection.unconfirmed) is taken


def test_cities():
    answer = client(read=FakePool(FakeConnection([("Lima", "Peru", -12.0, -77.0)]))).get("/cities")
    assert answer.json == [{"name": "Lima", "country": "Peru", "latitude": -12.0, "longitude": -77.0}]


def test_forecasts_of_a_city():
    connection = FakeConnection([(ID, "Berlin", "2030-01-31", 3.5, "rain")])
    answer = client(read=FakePool(connection)).get("/forecasts?city=Berlin&limit=5")
    assert answer.json == [FORECAST]
    assert connection.statements[0][1] == ("Berlin", "Berlin", 5)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many", "1.5", ""])
def test_an_impossible_limit_is_refused(limit):
    answer = client().get(f"/forecasts?limit={limit}")
    assert answer.status_code == 400
    assert "wanted a number from 1 to 100" in answer.json["error"]


def test_a_read_without_a_database_says_so():
    answer = client(read=FakePool(error=psycopg.OperationalError("gone"))).get("/cities")
    assert answer.status_code == 503


class DyingOnce(FakeConnection):
    def execute(self, statement, parameters=()):
        first = not self.statements
        answer = super().execute(statement, parameters)
        if first:
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return answer


def test_a_read_whose_connection_dies_is_asked_once_more():
    connection = DyingOnce([])
    assert client(read=FakePool(connection)).get("/cities").json == []
    assert len(connection.statements) == 2


def test_a_read_is_asked_no_more_than_twice_and_a_refused_one_once():
    for state, asked in ((None, 2), ("42P01", 1)):
        connection = FakeConnection(error=refused(state))
        assert client(read=FakePool(connection)).get("/cities").status_code == 503
        assert len(connection.statements) == asked


def test_the_health_check_is_200_without_a_database_and_says_so():
    gone = FakePool(error=psycopg.OperationalError("gone"))
    database = Database(postgresql, gone, FakePool(FakeConnection([(1,)])))
    health = Health(database)
    app = create_app(database, health).test_client()
    assert app.get("/healthz").json["database"] == {"write": False, "read": False}
    health.look()
    answer = app.get("/healthz")
    assert (answer.status_code, answer.json["database"]) == (200, {"write": False, "read": True})


@pytest.mark.parametrize("path", ["/cities", "/nowhere", "/forecasts?limit=x"])
def test_the_request_id_comes_back(path):
    assert client().get(path, headers={"X-Request-Id": "r-1"}).headers["X-Request-Id"] == "r-1"


def test_errors_are_json():
    answer = client().get("/nowhere")
    assert answer.status_code == 404
    assert "error" in answer.json

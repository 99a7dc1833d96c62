"""What is written about requests, and what their outcomes are."""

import json

import pytest

from firedrill.cluster.patroni.outcomes import sql_outcome
from firedrill.loadtests.outcomes import read_outcome, write_outcome
from firedrill.loadtests.recorder import Recorder


@pytest.mark.parametrize(
    ("status", "body", "wanted"),
    [
        (201, '{"id": "x"}', "acked"),
        (200, "", "acked"),
        (503, '{"error": "read-only", "outcome": "failed"}', "failed"),
        (503, '{"error": "died", "outcome": "unknown"}', "unknown"),
        (400, '{"error": "limit"}', "failed"),
        # A proxy's own page: it may have lost the answer to a write that was made.
        (503, "<html>No server is available</html>", "unknown"),
        (504, "", "unknown"),
        (502, None, "unknown"),
        (500, '["outcome", "failed"]', "unknown"),
        (0, None, "unknown"),
        (302, "", "unknown"),
    ],
)
def test_what_became_of_a_write(status, body, wanted):
    assert write_outcome(status, body) == wanted


@pytest.mark.parametrize(
    ("error", "wanted"),
    [(ConnectionRefusedError(), "failed"), (ConnectionResetError(), "unknown"), (TimeoutError(), "unknown")],
)
def test_without_a_connection_nothing_was_sent(error, wanted):
    assert write_outcome(0, None, error) == wanted


@pytest.mark.parametrize(("status", "wanted"), [(200, "ok"), (204, "ok"), (304, "error"), (404, "error"), (0, "error")])
def test_what_a_read_came_to(status, wanted):
    assert read_outcome(status) == wanted


def record(recorder, **changed):
    fields = {
        "id": "a", "method": "POST", "name": "/forecasts", "due": 4, "start": 5, "t": 7, "status": 201,
        "outcome": "acked", "error": None,
    }  # fmt: skip
    recorder.request(**{**fields, **changed})


def test_an_event_is_on_disk_at_once(tmp_path):
    path = tmp_path / "events.jsonl"
    recorder = Recorder(path)
    record(recorder)
    recorder.alive(20)
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert first == {
        "t": 7, "source": "users", "host": None, "kind": "request", "id": "a", "method": "POST", "name": "/forecasts",
        "due": 4, "start": 5, "status": 201, "outcome": "acked", "error": None,
    }  # fmt: skip
    assert second["kind"] == "alive" and second["users"] == 20 and second["t"] > 10**18
    recorder.close()


def test_events_are_appended(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"before": true}\n')
    with Recorder(path) as recorder:
        record(recorder, error="línea\nnueva")
    assert len(path.read_text().splitlines()) == 2


def test_without_a_file_outcomes_are_counted():
    recorder = Recorder(None)
    record(recorder)
    record(recorder, outcome="unknown")
    record(recorder)
    recorder.alive(1)
    assert recorder.outcomes == {"POST acked": 2, "POST unknown": 1}


def test_after_the_end_nothing_is_written(tmp_path):
    recorder = Recorder(tmp_path / "events.jsonl")
    recorder.close()
    record(recorder)
    assert (tmp_path / "events.jsonl").read_text() == ""


@pytest.mark.parametrize(
    ("sqlstate", "warned", "outcome"),
    [
        ("25006", False, "failed"),
        ("57P01", False, "unknown"),
        ("08006", False, "unknown"),
        (None, False, "unknown"),
        ("25006", True, "unknown"),
    ],
)
def test_what_a_statement_that_ended_with_an_error_came_to(sqlstate, warned, outcome):
    assert sql_outcome(sqlstate, warned) == outcome

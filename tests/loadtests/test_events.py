"""The event log's users with no database within reach: everything is tried on schedule, and nothing was written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def events(like_lab, tmp_path):
    file = tmp_path / "events.jsonl"
    command = [sys.executable, "-m", "locust", "-f", "loadtests/events.py", "--headless", "-t", "3"]
    load = {"rates": {"INSERT": 3, "SELECT": 2}, "timeout_s": 1}
    environment = {
        **os.environ,
        "FIREDRILL_EVENTS": str(file),
        "FIREDRILL_LOAD": json.dumps(load),
        "FIREDRILL_INVENTORY": str(like_lab("nowhere", "127.0.9")),
    }
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_with_no_database_nothing_was_written(events):
    requests = [event for event in events if event["kind"] == "request"]
    assert {(event["method"], event["name"], event["outcome"]) for event in requests} == {
        ("POST", "INSERT", "failed"),
        ("GET", "SELECT", "error"),
    }
    assert all(event["error"] and event["due"] <= event["start"] <= event["t"] for event in requests)
    inserts = [event["id"] for event in requests if event["method"] == "POST"]
    assert all(inserts.count(one) == 2 for one in inserts), "each is tried once more"
    assert 5 in {event["users"] for event in events if event["kind"] == "alive"}

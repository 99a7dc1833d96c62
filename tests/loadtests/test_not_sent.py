"""A rate that is not reached: what was not sent is a failure everywhere, and the end of the run says so."""

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler

import pytest

from tests.labs import ROOT

# The locust file, with room for two requests in progress; or with a generator that never sends in time.
FEW = """
from firedrill.loadtests import arrivals
arrivals.MOST = 2
from firedrill.loadtests.weather import *
"""
SLOW = """
import gevent
from firedrill.loadtests import arrivals
arrivals.Arrival.tasks = [lambda user: gevent.sleep(1)]
from firedrill.loadtests.weather import *
"""


class Slow(BaseHTTPRequestHandler):
    """Answers after 1.5 s."""

    def do_GET(self):
        threading.Event().wait(1.5)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_):
        pass


@pytest.fixture
def address(serving):
    with serving(Slow) as address:
        yield address


def run(tmp_path, address: str, text: str, **load):
    (tmp_path / "mine.py").write_text(text)
    events = tmp_path / "events.jsonl"
    command = [sys.executable, "-m", "locust", "-f", str(tmp_path / "mine.py"), "--headless", "-H", address, "-t", "3"]
    environment = {**os.environ, "FIREDRILL_EVENTS": str(events), "FIREDRILL_LOAD": json.dumps(load)}
    done = subprocess.run(
        [*command, "--json"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    requests = [json.loads(line) for line in events.read_text().splitlines()]
    return done, [event for event in requests if event["kind"] == "request"]


def test_too_many_in_progress(tmp_path, address):
    done, requests = run(tmp_path, address, FEW, rates={"GET /cities": 5})
    missed = [event for event in requests if (event["error"] or "").startswith("not sent: 2 requests are in progress")]
    assert missed and {event["outcome"] for event in missed} == {"error"}
    said = re.search(r"The rate was not reached: (\d+) of (\d+) requests", done.stderr)
    assert int(said[1]) == len(missed) and int(said[2]) == len(requests)
    assert done.returncode == 1
    (row,) = json.loads(done.stdout)
    assert (row["num_requests"], row["num_failures"]) == (len(requests), len(missed)), "in locust's statistics, too"
    assert row["max_response_time"] >= 1500


def test_a_generator_that_is_too_slow(tmp_path, address):
    done, requests = run(tmp_path, address, SLOW, rates={"GET /cities": 5}, timeout_s=1)
    missed = [event for event in requests if event["error"] == "not sent: the load generator is too slow"]
    assert len(missed) > 3
    assert min(event["t"] - event["due"] for event in missed) >= 10**9
    assert "The rate was not reached" in done.stderr
    assert done.returncode == 1

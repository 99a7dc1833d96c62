"""The locust file against a small HTTP server, in a process of its own, since locust patches the one it is in."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REFUSED = json.dumps({"error": "read-only", "outcome": "failed"}).encode()


class Api(BaseHTTPRequestHandler):
    """Answers GETs; refuses every id the first time and takes it the second."""

    protocol_version = "HTTP/1.1"
    seen: dict[str, int] = {}

    def do_GET(self):
        self.reply(200, b"[]")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert body["id"] == self.headers["X-Request-Id"]
        self.seen[body["id"]] = self.seen.get(body["id"], 0) + 1
        if self.seen[body["id"]] == 1:
            self.reply(503, REFUSED)
        else:
            self.reply(201, b"{}")

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def address():
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def locust(address, events, *arguments):
    command = [sys.executable, "-m", "locust", "-f", "loadtests/weather.py", "--headless", "-H", address, *arguments]
    environment = {**os.environ, "FIREDRILL_EVENTS": str(events)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_requests_are_recorded_and_a_refused_write_is_sent_once_more(address, tmp_path):
    done = locust(address, tmp_path / "events.jsonl", "-t", "3")
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert "All users spawned" in done.stderr and '"Reader": 10, "Writer": 10' in done.stderr
    requests = [event for event in events if event["kind"] == "request"]
    assert all(event["start"] <= event["t"] for event in requests)
    reads = [event for event in requests if event["method"] == "GET"]
    assert {event["name"] for event in reads} == {"/cities", "/forecasts"}
    assert {event["outcome"] for event in reads} == {"ok"}
    by_id: dict[str, list[str]] = {}
    for event in requests:
        if event["method"] == "POST":
            by_id.setdefault(event["id"], []).append(event["outcome"])
    assert by_id and all(outcomes == ["failed", "acked"] for outcomes in by_id.values())
    assert 20 in {event["users"] for event in events if event["kind"] == "alive"}


def test_with_nobody_there_nothing_was_written(tmp_path):
    locust("http://127.0.0.1:9", tmp_path / "events.jsonl", "-t", "3")
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    requests = [event for event in events if event["kind"] == "request"]
    assert {(event["method"], event["outcome"], event["status"]) for event in requests} == {
        ("GET", "error", 0),
        ("POST", "failed", 0),
    }
    assert all("refused" in event["error"] for event in requests)
    assert max(len([one for one in requests if one["id"] == event["id"]]) for event in requests) == 2

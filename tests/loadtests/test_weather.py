"""The locust file against a small HTTP server, in a process of its own, since locust patches the one it is in."""

import contextlib
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests import tls

ROOT = Path(__file__).resolve().parents[2]
REFUSED = json.dumps({"error": "read-only", "outcome": "failed"}).encode()


class Api(BaseHTTPRequestHandler):
    """Answers GETs; refuses every id the first time and takes it the second."""

    protocol_version = "HTTP/1.1"
    seen: dict[str, int] = {}
    slow = 0.0

    def do_GET(self):
        time.sleep(self.slow)
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
def address(serving):
    with serving(Api) as address:
        yield address


def locust(address, events, *arguments, load=None, **more):
    command = [sys.executable, "-m", "locust", "-f", "loadtests/weather.py", "--headless", "-H", address, *arguments]
    environment = {**os.environ, "FIREDRILL_EVENTS": str(events), "FIREDRILL_LOAD": json.dumps(load or {}), **more}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_requests_are_recorded_and_a_refused_write_is_sent_once_more(address, tmp_path):
    done = locust(address, tmp_path / "events.jsonl", "-t", "3")
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert "All users spawned" in done.stderr and '"Cities": 5, "Forecasts": 5, "Writer": 10' in done.stderr
    requests = [event for event in events if event["kind"] == "request"]
    assert all(event["due"] <= event["start"] <= event["t"] for event in requests)
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


def test_requests_start_on_schedule_whatever_the_earlier_ones_do(address, tmp_path, monkeypatch):
    monkeypatch.setattr(Api, "slow", 2.5)
    load = {"rates": {"GET /cities": 8}}
    locust(address, tmp_path / "events.jsonl", "-t", "4", load=load)
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    requests = [event for event in events if event["kind"] == "request"]
    assert {event["name"] for event in requests} == {"/cities"}
    assert max(event.get("under_way", 0) for event in events) > 8, "none waits for another"
    due = sorted(event["due"] for event in requests)
    seconds = (due[-1] - due[0]) / 1e9
    assert len(due) - 1 == pytest.approx(8 * seconds, abs=8)
    assert {event["outcome"] for event in requests} == {"ok"}, "those under way at the end were waited for"
    assert min(event["t"] - event["due"] for event in requests) >= 2.5e9


THEIRS = """
postgres = [("db1", {{"ssh_hostname": "192.0.2.1", "foreign": True, "http_tls": {{"ca": "{ca}"}}}})]
"""


def test_https_is_verified_with_the_ca_of_the_inventory(serving, inventory_file, tmp_path):
    """Each connection takes any of four servers; only what the certificate of the good one protects is sent."""
    files, kinds = tls.Files(tmp_path), ("good", "expired", "foreign", "wrong_name")
    inventory = inventory_file(THEIRS.format(ca=files.cert("ca")))
    with contextlib.ExitStack() as stack:
        served = [stack.enter_context(serving(Api, files.cert(kind), files.key(kind))) for kind in kinds]
        done = locust(",".join(served), tmp_path / "events", "-t", "3", FIREDRILL_INVENTORY=str(inventory))
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    requests = [event for event in events if event["kind"] == "request"]
    refused = [event for event in requests if "CERTIFICATE_VERIFY_FAILED" in (event["error"] or "")]
    for words in ("certificate has expired", "unable to get local issuer", "IP address mismatch"):
        assert any(words in event["error"] for event in refused), done.stderr
    assert {event["outcome"] for event in refused} == {"failed", "error"}, "nothing was sent"
    assert "acked" in {event["outcome"] for event in requests}


def test_a_ca_that_is_lost_is_one_line(inventory_file, tmp_path):
    inventory = inventory_file(THEIRS.format(ca=tmp_path / "lost.crt"))
    done = locust("https://127.0.0.1:9", tmp_path / "events", "-t", "1", FIREDRILL_INVENTORY=str(inventory))
    assert done.returncode == 2
    assert f"loadtests: `http_tls` in {inventory}: {tmp_path}/lost.crt cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_that_gives_up_sooner(address, tmp_path, monkeypatch):
    monkeypatch.setattr(Api, "slow", 3)
    locust(address, tmp_path / "events.jsonl", "-t", "3", load={"rates": {"GET /cities": 2}, "timeout_s": 1})
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    requests = [event for event in events if event["kind"] == "request"]
    assert requests and {event["outcome"] for event in requests} == {"error"}
    assert max(event["t"] - event["start"] for event in requests) < 2.5e9


def test_a_rate_for_nobody_is_refused(address, tmp_path):
    done = locust(address, tmp_path / "events.jsonl", "-t", "1", load={"rates": {"PUT /cities": 2}})
    assert done.returncode != 0
    assert "unknown rate 'PUT /cities'" in done.stderr + done.stdout

"""Observers as processes: what they write while they run, against servers on this machine; they end when terminated."""

import json
import pickle
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from firedrill import package
from firedrill.experiments.observe import __main__ as observe
from firedrill.experiments.observe import process
from firedrill.experiments.observe.catalogue import all_of
from firedrill.experiments.observe.writer import Writer, so_far
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host, Inventory, defaults
from firedrill.inventories.secrets import Secrets

STATUS = {"role": "primary", "state": "running", "timeline": 3}
STATISTICS = """# pxname,svname,status,check_status,addr
theirs,FRONTEND,OPEN,,
theirs,one,UP,L7OK,127.0.0.1:5432
weather,two,DOWN,L4CON,192.0.2.9:8000
"""


class Server(BaseHTTPRequestHandler):
    """Patroni's status and a proxy's statistics."""

    def do_GET(self):
        body = (json.dumps(STATUS) if self.path == "/patroni" else STATISTICS).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def access() -> Iterator[Access]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        ports = {"patroni": server.server_port, "haproxy_stats": server.server_port}
        data = defaults() | {"ports": ports, "haproxy_backends": {"postgres_write": "theirs"}, "tls": False}
        hosts = (Host("db1", "127.0.0.1", ("postgres", "proxy"), data),)
        yield Access(Inventory(Path("made.py"), hosts), Secrets())
        server.shutdown()
        thread.join()


def observed(name: str, access: Access, file: Path, count: int) -> list[dict]:
    """The first events of an observer that then ends when it is terminated."""
    running = process.start(name, access, file)
    try:
        deadline = time.monotonic() + 30
        while len(so_far(file)) < count:
            assert running.poll() is None and time.monotonic() < deadline, so_far(file)
            time.sleep(0.05)
    finally:
        process.stop([running])
    assert running.returncode == 0, "SIGTERM ends it in order"
    return so_far(file)


def without_time(event: dict) -> dict:
    return {key: value for key, value in event.items() if key != "t"}


def test_the_members_are_recorded_on_change_and_once_a_second(access, tmp_path):
    first, second = observed("members", access, tmp_path / "members.jsonl", 2)[:2]
    assert without_time(first) == without_time(second)
    assert 0.9 < (second["t"] - first["t"]) / 1e9 < 10
    assert without_time(first) == {
        "source": "members",
        "host": "db1",
        "kind": "member",
        "role": "primary",
        "state": "running",
        "epoch": 3,
        "lag": None,
        "pending_restart": False,
        "reachable": True,
        "error": None,
    }


def test_the_servers_of_a_proxy_are_recorded_with_their_purpose(access, tmp_path):
    found = observed("proxy", access, tmp_path / "proxy.jsonl", 2)[:2]
    assert [(e["host"], e["purpose"], e["backend"], e["server"], e["status"]) for e in found] == [
        ("db1", "write", "theirs", "db1", "UP"),
        ("db1", "app", "weather", "two", "DOWN"),
    ]


def test_an_unknown_observer_is_refused(access, tmp_path):
    command = package.command("firedrill.experiments.observe", "udp", str(tmp_path / "udp.jsonl"))
    done = subprocess.run(
        command, input=pickle.dumps(access), capture_output=True, env=package.environment(), timeout=60, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (
        1,
        f"no observer 'udp': there are {', '.join(all_of(access))}\n",
    )


def test_an_observer_that_cannot_write_says_so_once_and_ends(tmp_path, monkeypatch, capsys):
    """On a full disk every event would be a traceback."""
    ended = []

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(observe.os, "_exit", ended.append)
    monkeypatch.setattr(Writer, "__call__", full)
    with Writer(tmp_path / "x.jsonl", "write_probe") as write:
        observe.or_end(write)("alive")
    assert ended == [1]
    line = "observer write_probe: no event can be written ([Errno 28] No space left on device)\n"
    assert capsys.readouterr().err == line

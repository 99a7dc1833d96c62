"""An experiment's settings, against one node that keeps a configuration as Patroni does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from firedrill.cluster.patroni import rest
from firedrill.cluster.patroni import settings as timings
from firedrill.experiments.run import settings
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host, Inventory, defaults
from firedrill.inventories.secrets import Secrets


class Patroni(BaseHTTPRequestHandler):
    """GET and PATCH /config; /patroni says that it looked at etcd at every question."""

    config: dict = {}
    seen = 0
    broken = False

    def do_GET(self):
        Patroni.seen += 1
        self.reply(self.config if self.path == "/config" else {"dcs_last_seen": self.seen})

    def do_PATCH(self):
        patch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Authorization"]
        if self.broken:
            self.send_error(503)
            return
        merge(self.config, patch)
        self.reply(self.config)

    def reply(self, body):
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def merge(config, patch):
    for name, value in patch.items():
        if value is None:
            config.pop(name, None)
        elif isinstance(value, dict):
            merge(config.setdefault(name, {}), value)
        else:
            config[name] = value


@pytest.fixture
def node(monkeypatch):
    monkeypatch.setattr(Patroni, "config", {"ttl": 20, "failsafe_mode": True, "postgresql": {"parameters": {"a": "1"}}})
    monkeypatch.setattr(Patroni, "broken", False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Patroni) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def access(node, tmp_path) -> Access:
    data = defaults() | {"ports": {"patroni": node}, "secrets_file": str(tmp_path / "secrets.json"), "cluster": "c"}
    data |= {"tls": False}
    hosts = (Host("db1", "127.0.0.1", ("postgres",), data),)
    return Access(Inventory(Path("made.py"), hosts), Secrets(patroni_rest="x"))


@pytest.fixture
def noted():
    return []


@pytest.fixture
def note(noted):
    return lambda phase, before, after, detail: noted.append((phase, before, after))


WANTED = {"failsafe_mode": False, "synchronous_mode_strict": True, "postgresql": {"parameters": {"b": "2"}}}
BEFORE = {"failsafe_mode": True, "synchronous_mode_strict": None, "postgresql": {"parameters": {"b": None}}}


def test_set_and_restored_as_they_were(access, note, noted):
    was = json.loads(json.dumps(Patroni.config))
    with settings.applied(access, WANTED, note):
        assert Patroni.config["failsafe_mode"] is False
        assert Patroni.config["postgresql"]["parameters"] == {"a": "1", "b": "2"}
    assert Patroni.config == was
    assert noted == [("set", BEFORE, WANTED), ("restored", WANTED, BEFORE)]
    assert not settings.restore(access, note), "nothing is left to restore"


def test_restored_when_the_run_breaks_off(access, note):
    with pytest.raises(KeyboardInterrupt), settings.applied(access, WANTED, note):
        raise KeyboardInterrupt
    assert Patroni.config["failsafe_mode"] is True


def test_what_a_killed_run_left_is_restored_by_the_next(access, note, noted):
    killed = settings.applied(access, WANTED, note)
    killed.__enter__()
    noted.clear()
    assert settings.restore(access, note)
    assert Patroni.config["failsafe_mode"] is True
    assert "synchronous_mode_strict" not in Patroni.config
    assert noted == [("restored", WANTED, BEFORE)]
    killed.__exit__(None, None, None)


def test_what_cannot_be_restored_is_reported_and_left_to_the_next_run(access, note, noted, monkeypatch):
    monkeypatch.setattr(settings, "RESTORE_SECONDS", 0.1)
    with pytest.raises(Problem, match="left changed.*503"), settings.applied(access, WANTED, note):
        monkeypatch.setattr(Patroni, "broken", True)
    assert noted[-1] == ("not_restored", WANTED, BEFORE)
    monkeypatch.setattr(Patroni, "broken", False)
    assert Patroni.config["failsafe_mode"] is False
    assert settings.restore(access, note)
    assert Patroni.config["failsafe_mode"] is True


def test_a_node_that_hears_no_news_is_named(access, note, monkeypatch):
    monkeypatch.setattr(timings, "APPLIED_SECONDS", 0.5)
    monkeypatch.setattr(rest, "dcs_last_seen", lambda access, host: 7)
    with pytest.raises(Problem, match="db1: the settings are not applied"), settings.applied(access, WANTED, note):
        pytest.fail("the run must not begin")
    assert Patroni.config["failsafe_mode"] is True


def test_nothing_wanted_is_nothing_asked(access, note, noted, monkeypatch):
    monkeypatch.setattr(Patroni, "broken", True)
    with settings.applied(access, {}, note):
        assert noted == []


def test_restoring_is_tried_again_until_the_cluster_can(access, note, noted, monkeypatch):
    """A quorum that has just come back refuses changes for a moment."""
    real, refused = Patroni.do_PATCH, []

    def refuse_twice(it):
        if Patroni.config.get("failsafe_mode") is False and len(refused) < 2:
            refused.append(it.rfile.read(int(it.headers["Content-Length"])))
            it.send_error(503)
        else:
            real(it)

    monkeypatch.setattr(settings, "RETRY_S", 0.05)
    monkeypatch.setattr(Patroni, "do_PATCH", refuse_twice)
    with settings.applied(access, WANTED, note):
        pass
    assert len(refused) == 2
    assert Patroni.config["failsafe_mode"] is True
    assert noted[-1] == ("restored", WANTED, BEFORE)


def test_settings_that_are_accepted_and_not_taken_are_noticed(access, note, noted, monkeypatch):
    monkeypatch.setattr(settings, "RESTORE_SECONDS", 0.1)
    with pytest.raises(Problem, match="left changed"), settings.applied(access, WANTED, note):
        monkeypatch.setattr(Patroni, "do_PATCH", lambda it: it.reply(it.config))
    assert noted[-1][0] == "not_restored"


def test_a_damaged_file_is_named(access, note):
    file = settings._file(access.inventory)
    file.parent.mkdir(parents=True)
    for content in ("{", "[]", ""):
        file.write_text(content)
        with pytest.raises(Problem, match=f"{file} cannot be read"):
            settings.restore(access, note)

"""Operations on a cluster whose members and units have names of their own."""

import contextlib
from dataclasses import replace

import pytest

from firedrill import package
from firedrill.cluster import ssh
from firedrill.cluster.patroni import operations, rest
from firedrill.cluster.system import PRIMARY, Member, View
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets


class Connection:
    """A leader that knows one replica, by the name that Patroni gives it."""

    def __init__(self, asked: list) -> None:
        self.asked = asked

    def execute(self, statement, values=None):
        if values:
            self.asked.append(values)
        return self

    def fetchone(self):
        return (7,)


@pytest.fixture
def access() -> Access:
    inventory = read(package.file("inventories/lab.py"))
    more = {"patroni_name": "node-2"}
    hosts = (
        replace(host, data=host.data | more | {"units": host.data["units"] | {"patroni": "pgha"}})
        if host.name == "db2"
        else host
        for host in inventory.hosts
    )
    return Access(replace(inventory, hosts=tuple(hosts)), Secrets(firedrill="x", patroni_rest="y"))


def test_the_leader_is_asked_for_a_replica_by_its_name_in_patroni(access, monkeypatch):
    asked: list = []
    monkeypatch.setattr(rest, "view", lambda _: View((Member("db1", PRIMARY, "running"),)))
    monkeypatch.setattr(operations.psycopg, "connect", lambda **_: contextlib.nullcontext(Connection(asked)))
    assert operations.until_caught_up(access, "db2", 5) is not None
    assert asked == [(7, "node-2")]


def test_a_switchover_names_the_leader_as_patroni_does(access, monkeypatch):
    leaders, posted = ["db2", "db1"], []
    monkeypatch.setattr(rest, "view", lambda _: View((Member(leaders.pop(0), PRIMARY, "running"),)))
    monkeypatch.setattr(rest, "post", lambda *words: posted.append(words[1:]) or "done")
    assert operations.switchover(access, 5) == ("db2", "db1", "done")
    assert posted == [("db2", "/switchover", {"leader": "node-2"})]


def test_a_switchover_names_the_candidate_as_patroni_does(access, monkeypatch):
    leaders, posted = ["db1", "db2"], []
    monkeypatch.setattr(rest, "view", lambda _: View((Member(leaders.pop(0), PRIMARY, "running"),)))
    monkeypatch.setattr(rest, "post", lambda *words: posted.append(words[1:]) or "done")
    assert operations.switchover(access, 5, "db2").new == "db2"
    assert posted == [("db1", "/switchover", {"leader": "db1", "candidate": "node-2"})]


def test_the_log_of_its_own_unit_is_read(access, monkeypatch):
    commands: list = []
    monkeypatch.setattr(ssh, "connect", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(operations.host_clock, "offset", lambda _: (-2 * 10**9, 1000))
    monkeypatch.setattr(ssh, "sh", lambda _, command, **__: commands.append(command) or "INFO: running pg_rewind from")
    assert operations.how_it_came_back(access, "db2", 5) == "pg_rewind"
    assert commands == ["journalctl -u pgha.service -o cat --since @3"], "by the host's own clock"


@pytest.mark.parametrize(
    ("log", "how"),
    [
        ("INFO: replica has been created using basebackup\nINFO: running pg_rewind", "a new base copy"),
        ("INFO: no action. I am (node-2), a secondary, and following a leader (db1)", "its WAL alone"),
    ],
)
def test_the_log_says_how_a_node_came_back(access, monkeypatch, log, how):
    monkeypatch.setattr(ssh, "connect", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(operations.host_clock, "offset", lambda _: (0, 1000))
    monkeypatch.setattr(ssh, "sh", lambda *_, **__: log)
    assert operations.how_it_came_back(access, "db2", 5) == how


@pytest.mark.parametrize("log", ["", "-- No entries --", "Started pgha.service"])
def test_a_log_that_does_not_say_it_proves_nothing(access, monkeypatch, log):
    monkeypatch.setattr(ssh, "connect", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(operations.host_clock, "offset", lambda _: (0, 1000))
    monkeypatch.setattr(ssh, "sh", lambda *_, **__: log)
    with pytest.raises(Problem, match="db2: the log of pgha.service does not show how it came back"):
        operations.how_it_came_back(access, "db2", 5)

"""The write outage to expect, for hosts that an inventory describes."""

import re
from dataclasses import replace

import pytest

from firedrill.deploy import prediction, systems
from firedrill.deploy.prediction import line
from firedrill.inventories.read import Host, defaults


@pytest.fixture
def lines(monkeypatch):
    """The lines for database hosts with these roles."""

    def of(*roles: tuple[str, ...], **data) -> list[str]:
        hosts = tuple(Host(f"db{n}", f"192.0.2.{n}", one, defaults() | data) for n, one in enumerate(roles, start=1))
        monkeypatch.setattr(prediction.topology, "hosts", lambda: hosts)
        return prediction.lines()

    return of


def test_etcd_elsewhere(lines):
    (only,) = lines(("postgres",), ("postgres",), ("etcd",))
    assert only.startswith("predicted write outage, a power cut of the leader: 20.1 to 23.4 s = lease 18 to 20 + ")


def test_etcd_on_the_same_host(lines):
    _, shared = lines(("etcd", "postgres"), ("etcd", "postgres"), etcd_election_ms=2000)
    assert "if the leader of etcd is on its host: 26.1 to 29.4 s = lease 20 + coordinator election 4 to 6 + " in shared


def test_with_a_fence_the_plan_shows_what_it_adds_up_to(lines):
    plain, shared = lines(("etcd", "postgres"), fence="quorum", fence_misses=3)
    assert plain.startswith("predicted write outage, a power cut of the leader: 0.5 to 4.2 s = silence 0.4 to 0.8 + ")
    assert "coordinator election 0.2 to 2.6 + votes 0 to 0.5 + refusal 0 to 0.5 + " in shared


def test_the_terms_add_up(lines):
    for shown in lines(("etcd", "postgres"), profile="default"):
        head, terms = shown.split(" s = ")
        spans = [
            [float(end) for end in re.findall(r"[\d.]+", one.rsplit("leader", 1)[-1])] for one in terms.split(" + ")
        ]
        total = [round(sum(span[at] for span in spans), 1) for at in (0, -1)]
        assert total == [float(end) for end in re.findall(r"[\d.]+", head.split(": ")[1])]


def test_a_mysql_group(lines):
    (only,) = lines(("mysqld",), ("mysqld",), ("mysqld",), system="group_replication")
    assert only.startswith("predicted write outage, a power cut of the leader: 5.3 to ")
    slow = defaults()["group_replication"] | {"member_expel_timeout": 5}
    (slower,) = lines(("mysqld",), system="group_replication", group_replication=slow)
    assert "expulsion 5 to 20 + " in slower


def test_a_system_without_a_model(lines, monkeypatch):
    monkeypatch.setitem(systems.SYSTEMS, "patroni", replace(systems.SYSTEMS["patroni"], predict=None))
    assert lines(("postgres",)) == []


def test_one_figure_where_both_are_the_same():
    assert line("x", prediction.Prediction(2000, 2000, {"probe": (2000, 2000)})).endswith("x: 2 s = probe 2")

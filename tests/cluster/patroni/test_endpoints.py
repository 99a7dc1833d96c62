"""Members say where they are reached: by Patroni's conn_url and api_url, and by etcd's URLs."""

from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import pytest

from firedrill.cluster import etcd
from firedrill.cluster.patroni import endpoints
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import NAMES, Secrets

ROWS = [
    {"name": "db1", "host": "10.9.0.21", "port": 5432, "api_url": "http://10.77.0.21:8008/patroni"},
    {"name": "db2", "host": "db2.internal", "api_url": "https://[fd00::22]:8008/patroni"},
]
MEMBERS = [
    SimpleNamespace(
        name="etcd1",
        client_urls=["http://10.77.0.11:2379", "http://localhost:2379"],
        peer_urls=["http://10.9.0.11:2380"],
    ),
    SimpleNamespace(name="stranger", client_urls=["unix://x"], peer_urls=[]),
]


@pytest.fixture(scope="module")
def ways() -> Access:
    return Access(read(), Secrets(dict.fromkeys(NAMES, "x")))


@pytest.fixture
def members(monkeypatch):
    """What etcd answers."""

    @contextmanager
    def client(endpoint, seconds):
        yield SimpleNamespace(members=iter(MEMBERS))

    monkeypatch.setattr(endpoints.etcd, "client", client)


def patroni(monkeypatch, answer) -> None:
    monkeypatch.setattr(endpoints.httpx, "get", lambda *words, **more: SimpleNamespace(json=lambda: answer))


def test_a_second_network_is_found(ways, members, monkeypatch):
    patroni(monkeypatch, {"members": ROWS})
    found = endpoints.endpoints(ways)
    assert found["db1"] == ["10.9.0.21", "10.77.0.21"]
    assert found["db2"] == ["db2.internal", "fd00::22"]
    assert found["etcd1"] == ["10.77.0.11", "localhost", "10.9.0.11"]


@pytest.mark.parametrize("answer", [[], {}, {"members": None}, {"members": [{}]}, {"members": [7]}, None, "text"])
def test_what_is_not_patroni_says_nothing(ways, members, monkeypatch, answer):
    patroni(monkeypatch, answer)
    assert "db1" not in endpoints.endpoints(ways)


def test_nobody_answers(ways, monkeypatch):
    def refuse(*words, **more):
        raise httpx.ConnectError("refused")

    def fail(*words):
        raise etcd.ERRORS[0]("no")

    monkeypatch.setattr(endpoints.httpx, "get", refuse)
    monkeypatch.setattr(endpoints.etcd, "client", fail)
    assert endpoints.endpoints(ways) == {}

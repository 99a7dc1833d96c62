"""Each service of a host is asked for what it is there for."""

import socket

import httpx
import pytest

from firedrill.cluster.dialect import Answer
from firedrill.cluster.patroni import serving
from firedrill.inventories import read
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host, Inventory
from firedrill.inventories.secrets import Secrets


@pytest.fixture
def access(tmp_path):
    def made(*roles: str, **ports: int) -> tuple[Access, Host]:
        defaults = read.defaults()
        host = Host(
            "db1", "127.0.0.1", roles, defaults | {"ports": defaults["ports"] | ports, "credentials": {}, "tls": False}
        )
        return Access(Inventory(tmp_path / "x.py", (host,)), Secrets()), host

    return made


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Answer("acked"), None),
        (Answer("failed", error="28000: no pg_hba.conf entry"), "failed: 28000: no pg_hba.conf entry"),
        (Answer("unknown", error="canceling wait"), "unknown: canceling wait"),
    ],
)
def test_only_an_acknowledged_statement_shows_that_postgresql_serves(access, monkeypatch, answer, cause):
    statements = []

    class Lane:
        def __init__(self, arguments, statement, *rest) -> None:
            statements.append(statement)

        async def write(self, identity):
            return answer

        async def close(self):
            pass

    monkeypatch.setattr(serving, "PostgresLane", Lane)
    monkeypatch.setitem(serving.SERVICES, "postgres", {"PostgreSQL": serving._postgresql})
    for decides in (False, True):
        assert serving.serves(*access("postgres"), decides=decides) == {"PostgreSQL": cause}
    assert "pg_logical_emit_message" not in statements[0]
    assert "pg_logical_emit_message" in statements[1]


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ({"state": "running"}, None),
        ({"state": "streaming"}, None),
        ({"state": "start failed"}, "it reports the state start failed"),
        ([], "it reports the state None"),
    ],
)
def test_patroni_reports_a_running_database(access, monkeypatch, body, cause):
    monkeypatch.setattr(serving.httpx, "get", lambda url, **given: httpx.Response(200, json=body))
    assert serving._patroni(*access("postgres"), True) == cause


def test_what_does_not_answer_does_not_serve(access):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert serving.SERVICES["proxy"]["HAProxy"](*access("proxy", write=port), False) is None
    asked = access("proxy", "etcd", "app", "postgres", write=port, etcd=port, weather=port, patroni=port, postgres=port)
    for decides in (False, True):
        found = serving.serves(*asked, decides=decides)
        assert set(found) == {"HAProxy", "etcd", "app", "PostgreSQL", "Patroni"}
        assert all(found.values()), found

"""Whatever a server at Patroni's port answers, and whatever etcd holds: an observation, or a Problem, never a crash."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firedrill import package
from firedrill.cluster.etcd import Change
from firedrill.cluster.patroni import endpoints, leadership, members, rest
from firedrill.cluster.patroni.system import Patroni
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.fuzz import BODIES, DEEP, TEXTS, anything, body, few, recorded

SYSTEM = Patroni()
NAMES = (
    "members", "name", "role", "state", "timeline", "lag", "api_url", "conn_url", "host", "port", "tags", "pause",
    "xlog", "received_location", "replayed_location", "location", "pending_restart", "dcs_last_seen", "sync_standby",
    "leader", "nofailover", "scheduled_switchover", "ttl", "loop_wait", "synchronous_mode", "standby_cluster",
    "patroni", "version",
)  # fmt: skip
ANSWERS = st.sampled_from(BODIES) | anything(NAMES).map(body)
KEYS = ("leader", "sync", "config", "history", "failover", "status", "members/db1", "members/", "initialize", "x")


@pytest.fixture(scope="module")
def access() -> Access:
    inventory = read(package.file("inventories/lab.py"))
    return Access(replace(inventory), Secrets(patroni_rest="x"))


@pytest.fixture
def answer(monkeypatch):
    """Let every request be answered with a status and a body."""
    found = {"status": 200, "body": b""}

    def request(method, url, **_):
        return httpx.Response(found["status"], content=found["body"], request=httpx.Request(method, url))

    for verb in ("get", "post", "patch"):
        monkeypatch.setattr(httpx, verb, lambda url, verb=verb, **options: request(verb.upper(), url, **options))
    monkeypatch.setattr(httpx, "request", request)
    return lambda body, status=200: found.update(status=status, body=body)


ASKED = {
    "view": lambda access: str(rest.view(access)),
    "configuration": lambda access: SYSTEM.configuration(access),
    "settings": lambda access: SYSTEM.settings(access),
    "dcs_last_seen": lambda access: rest.dcs_last_seen(access, access.inventory["db1"]),
    "endpoints": lambda access: endpoints._of_patroni(access.inventory["db1"], access),
    "missing": lambda access: SYSTEM.missing(access, rest.view(access)),
}


@pytest.mark.parametrize("question", ASKED)
@few(40)
@given(text=ANSWERS, status=st.sampled_from((200, 404, 503)))
def test_any_answer_of_the_rest_api(question, access, answer, text, status):
    answer(text, status)
    try:
        ASKED[question](access)
    except Problem as problem:
        assert str(problem)


@few(60)
@given(value=st.fixed_dictionaries({"members": st.lists(anything(NAMES), min_size=1, max_size=3)}))
def test_any_members(access, answer, value):
    answer(body(value))
    view = rest.view(access)
    assert bool(view.members) != bool(view.error)
    for member in view.members:
        recorded(
            "runner", "steady", None, {"phase": "after", "ok": False, "leader": member.name, "epoch": member.epoch}
        )
        assert isinstance(member.state, str) and member.role in ("primary", "replica", "starting")


@few(100)
@given(text=ANSWERS)
def test_any_status_of_a_node_is_a_sample(text):
    async def ask() -> dict:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, content=text))
        async with httpx.AsyncClient(transport=transport) as client:
            return await members._ask(Endpoint("http://db1"), client)

    state = asyncio.run(ask())
    recorded("members", "member", "db1", state)
    assert state["reachable"] or state["error"]


VALUES = TEXTS | anything(NAMES).map(lambda value: body(value).decode())


@few(80)
@given(st.lists(st.tuples(st.sampled_from(KEYS) | TEXTS, VALUES), max_size=4))
def test_any_keys_in_etcd(access, changes):
    def write(kind, *, host=None, **fields):
        recorded("leadership", kind, host, fields)

    keys = leadership.Keys(access, write)
    for key, value in [*changes, ("sync", DEEP.decode())]:
        keys.changed(Change(access.patroni_prefix + key, value, 1), "put")
        keys.changed(Change(access.patroni_prefix + key, None, 2), "delete")

"""Whatever a server at a proxy's port answers is a sample that the judge accepts."""

import asyncio

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firedrill import package
from firedrill.cluster.tls_errors import KeptOut
from firedrill.experiments.observe import proxy
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import NAMES, Secrets
from tests.fuzz import BODIES, TEXTS, few, recorded

HEADER = "# pxname,svname,status,check_status,addr"
CELLS = (
    st.sampled_from(("postgres_write", "BACKEND", "db1", "UP", "DOWN 1/2", "10.77.0.21:5432", "[::1]:1", '"', ""))
    | TEXTS
)
LINES = st.lists(CELLS, max_size=7).map(",".join)
STATISTICS = st.builds(
    lambda header, lines: "\n".join([header, *lines]),
    st.sampled_from((HEADER, HEADER[2:], "pxname,svname", "<html>", "", "pxname")) | LINES,
    st.lists(LINES, max_size=4),
)


@pytest.fixture(scope="module")
def access() -> Access:
    return Access(read(package.file("inventories/lab.py")), Secrets(dict.fromkeys(NAMES, "x")))


@few(150)
@given(
    text=STATISTICS.map(lambda text: text.encode(errors="replace")) | st.sampled_from(BODIES),
    status=st.sampled_from((200, 401)),
)
@example(text=b"<html>", status=200)
@example(text=(HEADER + '\nx,y,"' + "a" * 200_000).encode(), status=200)
@example(text=(HEADER + "\npostgres_write").encode(), status=200)
def test_any_statistics_of_a_proxy(access, text, status):
    host = access.inventory.role("proxy")[0]

    async def ask() -> list[dict]:
        transport = httpx.MockTransport(lambda _: httpx.Response(status, content=text))
        async with httpx.AsyncClient(transport=transport) as client:
            return await proxy._ask(access, host, access.haproxy_stats(host), client)

    try:
        states = asyncio.run(ask())
    except KeptOut as error:
        assert status == 401 and "401" in str(error)
        return
    for state in states:
        recorded("proxy", "server", host.name, state)
        assert state["reachable"] or state["error"]

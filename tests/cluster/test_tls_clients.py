"""Every client against a server whose certificate is wrong in each way: refused, with the cause and the remedy."""

import asyncio
import contextlib
import socket
import ssl

import httpx
import psycopg
import pytest

from firedrill.cluster import verified
from firedrill.cluster.observer import UNOBSERVED
from firedrill.cluster.patroni import coordinator, leadership, members, rest, serving, sql_errors
from firedrill.cluster.patroni.dialect import PostgresDialect
from firedrill.cluster.tls_errors import KeptOut
from firedrill.experiments.observe import node_probe, proxy, write_probe
from firedrill.experiments.run.doctor import examine, users
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import PLAIN, Endpoint
from firedrill.inventories.errors import InventoryProblem, Problem
from tests import tls


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tls.Files:
    return tls.Files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(files):
    """A port for each kind of certificate."""
    with (
        tls.serving(files, "good") as good,
        tls.serving(files, "expired") as expired,
        tls.serving(files, "foreign") as foreign,
        tls.serving(files, "wrong_name") as wrong_name,
        tls.serving(files, "plain") as plain,
    ):
        yield {"good": good, "expired": expired, "foreign": foreign, "wrong_name": wrong_name, "plain": plain}


@pytest.fixture
def access(server, files, tmp_path):
    """Access to a server of a kind: every client wants TLS with our CA."""

    def to(kind: str, **more: object) -> Access:
        keys = dict.fromkeys(("etcd_tls", "patroni_tls", "haproxy_stats_tls", "http_tls"), files.tls())
        sql = {"sql_options": {"sslrootcert": files.cert("ca")}}
        return tls.access_to(server[kind], tmp_path, **keys | sql | more)

    return to


def of_members(access: Access) -> str:
    patroni = access.patroni(access.inventory["db1"])

    async def ask() -> dict:
        async with httpx.AsyncClient(**patroni.httpx) as client:
            return await members._ask(patroni, client)

    try:
        return asyncio.run(ask())["error"]
    except KeptOut as error:
        return str(error)


def of_statistics(access: Access) -> str:
    host = access.inventory["db1"]
    statistics = access.haproxy_stats(host)

    async def ask() -> list[dict]:
        async with httpx.AsyncClient(**statistics.httpx) as client:
            return await proxy._ask(access, host, statistics, client)

    try:
        (state,) = asyncio.run(ask())
    except KeptOut as error:
        return str(error)
    return state["error"]


def of_writes(access: Access) -> str:
    async def write():
        lane = PostgresDialect().node_lane(access, access.inventory["db1"], 2, 2)
        return await lane.write(1)

    answer = asyncio.run(write())
    assert (answer.outcome, answer.readonly) == ("failed", False)
    return answer.error


def of_users(access: Access) -> str:
    check = users.check(access)
    assert check.ok is False
    return check.found


CLIENTS = {
    "etcd": lambda access: coordinator.member_error(access),
    "etcd serves": lambda access: serving._etcd(access, access.inventory["db1"], True),
    "patroni": lambda access: rest.view(access).error,
    "patroni serves": lambda access: serving._patroni(access, access.inventory["db1"], True),
    "members": of_members,
    "statistics": of_statistics,
    "users": of_users,
    "app serves": lambda access: serving.SERVICES["app"]["app"](access, access.inventory["db1"], True),
    "writes": of_writes,
    "SQL serves": lambda access: serving._postgresql(access, access.inventory["db1"], True),
    "write route": lambda access: PostgresDialect().write_route_error(access, tls.ADDRESS),
}
CAUSES = {
    "expired": "the certificate of 127.0.0.1 has expired: renew it",
    "foreign": "the certificate of 127.0.0.1 is not from the CA {ca}: name the CA that issued it",
    "wrong_name": "the certificate has no SAN for 127.0.0.1: issue it with this address, or name the host",
    "plain": "127.0.0.1 answers without TLS: enable TLS there, or remove TLS from the inventory",
}
# What libpq does not tell apart.
OF_LIBPQ = "the certificate of 127.0.0.1 cannot be verified with the CA {ca}: it has expired or is from another CA"
LIBPQ = ("writes", "SQL serves", "write route")


@pytest.mark.parametrize("flaw", tls.FLAWS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_server_that_cannot_be_verified_is_refused_with_the_cause(access, files, client, flaw):
    wanted = OF_LIBPQ if client in LIBPQ and flaw in ("expired", "foreign") else CAUSES[flaw]
    error = CLIENTS[client](access(flaw))
    assert wanted.format(ca=files.cert("ca")) in error
    assert "\n" not in error and "pw-7xQ" not in error


@pytest.mark.parametrize("client", CLIENTS)
def test_a_good_certificate_is_accepted(access, client):
    """The server then says nothing more; no client names TLS as the cause."""
    error = CLIENTS[client](access("good"))
    assert "certificate" not in error and "TLS" not in error


@pytest.mark.parametrize("client", CLIENTS)
def test_without_a_ca_the_systems_own_are_asked(access, client):
    """Never nobody: the certificate is of a CA that this machine does not know."""
    empty = dict.fromkeys(("etcd_tls", "patroni_tls", "haproxy_stats_tls", "http_tls"), {})
    error = CLIENTS[client](access("good", **empty, sql_options={"sslrootcert": "system"}))
    assert "is not from the CA" in error or "cannot be verified with the CA" in error


# -- what is not verified is not observed ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["good", *tls.FLAWS])
@pytest.mark.parametrize(
    "observer", [node_probe, write_probe, leadership, members, proxy], ids=lambda module: module.__name__
)
def test_an_observer_that_cannot_verify_has_observed_nothing(access, observer, kind, monkeypatch):
    """Every event is `unobserved`, and the doctor's check shows the cause; a server that only fails is observed."""
    events = []

    def write(kind, *, host=None, t=None, **fields):
        events.append({"kind": kind, "host": host} | fields)

    async def observe():
        task = asyncio.create_task(observer.OBSERVER.observe(there, write))
        while not events:
            await asyncio.sleep(0.01)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    monkeypatch.setattr(observer, "INTERVAL_S", 0.5, raising=False)  # it sleeps when it is cancelled
    there = access(kind)
    asyncio.run(observe())
    assert events and {event["kind"] == UNOBSERVED for event in events} == {kind != "good"}
    works, found = observer.OBSERVER.check(there, events)
    assert not works and ("certificate" in found or "without TLS" in found) == (kind != "good")


# -- all servers at once -----------------------------------------------------------------------------------------


def test_a_cluster_that_can_be_verified(access):
    check = verified.check(access("good"))
    assert check.ok, check.found
    assert check.found.startswith("5 verified; the first to expire is ") and ", in 1 days: renew it" in check.found
    verified.require(access("good"))


@pytest.mark.parametrize("flaw", tls.FLAWS)
def test_a_cluster_that_cannot_is_not_drilled(access, files, flaw):
    there = access(flaw)
    check, wanted = verified.check(there), CAUSES[flaw].format(ca=files.cert("ca"))
    assert check.ok is False
    assert all(f"{name} on db1: {wanted}" in check.found for name in ("etcd", "Patroni", "PostgreSQL", "HAProxy"))
    with pytest.raises(Problem, match=r"^a server cannot be verified .and 4 more.: etcd on db1: "):
        verified.require(there)


@pytest.mark.parametrize(
    ("error", "flaw"),
    [
        (ssl.SSLError(1, "[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version"), True),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol"), False),
        (ConnectionRefusedError(111, "Connection refused"), False),
    ],
)
def test_a_handshake_that_fails_is_a_flaw_whatever_the_cause(access, monkeypatch, error, flaw):
    """One that answers and cannot be verified must not count as one that does not answer."""

    def fails(_endpoint):
        raise error

    monkeypatch.setattr(verified, "_handshake", fails)
    assert {bool(one.flaw) for one in verified.look(access("good"))} == {flaw}


@pytest.mark.parametrize("kind", ["good", "expired", "foreign", "wrong_name"])
def test_a_mysql_server_greets_before_tls_begins(files, tmp_path, kind):
    greeting = b"\x4a\0\0\0" + b"\x0a8.4.6".ljust(0x4A, b"\0")
    with tls.serving(files, kind, greeting) as port:
        there = tls.access_to(port, tmp_path, roles=("mysqld",), mysql_tls=files.tls())
        (found,) = verified.look(there)
    wanted = CAUSES.get(kind, "").format(ca=files.cert("ca"))
    assert (found.flaw or "").startswith(wanted) and (found.days is not None) == (kind == "good")


def test_libpq_may_verify_the_ca_alone(access, files):
    options = {"sslrootcert": files.cert("ca"), "sslmode": "verify-ca"}
    plain = dict.fromkeys(("etcd_tls", "patroni_tls", "haproxy_stats_tls", "http_tls"))
    assert verified.look(access("wrong_name", **plain, sql_options=options))[0].flaw is None
    assert "is not from the CA" in verified.look(access("foreign", **plain, sql_options=options))[0].flaw


def test_without_tls_there_is_nothing_to_verify(server, tmp_path):
    there = tls.access_to(server["plain"], tmp_path)
    assert verified.check(there).ok is None
    verified.require(there)


# -- the files of the client -----------------------------------------------------------------------------------


def lost(files, folder):
    return {"ca": str(folder / "lost.crt")}, "lost.crt cannot be read (No such file or directory): restore the file"


def a_folder(files, folder):
    return {"ca": str(folder)}, "cannot be read (Is a directory)"


def no_certificate(files, folder):
    (folder / "empty.crt").write_text("nothing")
    return {"ca": str(folder / "empty.crt")}, "empty.crt holds no certificate (PEM)"


def own_expired(files, folder):
    return files.tls(client="expired"), "expired.crt expired on "


def mismatched(files, folder):
    pair = {"cert": files.cert("good"), "key": files.key("foreign")}
    return files.tls() | pair, "foreign.key is not the key of the certificate"


def key_lost(files, folder):
    return files.tls() | {"cert": files.cert("good"), "key": str(folder / "no.key")}, "no.key cannot be read"


def half_a_pair(files, folder):
    return files.tls() | {"cert": files.cert("good")}, "has only one of cert and key: name both, or none"


USES = {
    "etcd_tls": lambda access: coordinator.member_error(access),
    "patroni_tls": lambda access: rest.view(access),
    "haproxy_stats_tls": of_statistics,
    "http_tls": users.check,
    "sql_options": lambda access: access.sql_front(),
}
SQL_NAMES = {"ca": "sslrootcert", "cert": "sslcert", "key": "sslkey"}
UNUSABLE = (lost, a_folder, no_certificate, own_expired, mismatched, key_lost, half_a_pair)


@pytest.mark.parametrize("key", USES)
@pytest.mark.parametrize("flaw", UNUSABLE)
def test_a_file_that_cannot_serve_is_one_line_with_the_key_and_the_file(access, files, tmp_path, key, flaw):
    given, said = flaw(files, tmp_path)
    if key == "sql_options":
        given = {SQL_NAMES[name]: file for name, file in given.items()}
    there = access("good", **{key: given})
    with pytest.raises(InventoryProblem) as problem:
        USES[key](there)
    assert f"`{key}` in {tmp_path}/theirs.py" in str(problem.value)
    assert said in str(problem.value) and "\n" not in str(problem.value)


@pytest.mark.parametrize("command", [examine, verified.require])
def test_nothing_is_connected_to_with_a_file_that_cannot_serve(access, tmp_path, command, monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("connected"))
    there = access("good", patroni_tls={"ca": str(tmp_path / "lost.crt")})
    with pytest.raises(InventoryProblem, match=r"lost.crt cannot be read .No such file or directory.: restore"):
        command(there)


def test_a_renewed_certificate_is_read_anew(access, files, tmp_path):
    for source in ("ca", "other_ca"):
        copy = tmp_path / "renewed.crt"
        copy.write_bytes((files.folder / f"{source}.crt").read_bytes())
        found = rest.view(access("good", patroni_tls={"ca": str(copy)})).error
        assert ("is not from the CA" in found) == (source == "other_ca")


def hello(context: ssl.SSLContext) -> bytes:
    """The first message of a client with this context."""
    sent = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost").do_handshake()
    return sent.read()


def test_no_http_client_writes_its_protocol_into_the_handshake_with_postgresql():
    endpoint = Endpoint("https://127.0.0.1", PLAIN)
    endpoint.httpx["verify"].set_alpn_protocols(["http/1.1"])  # as httpcore does at each connection
    assert b"http/1.1" in hello(endpoint.httpx["verify"])
    assert b"http/1.1" not in hello(endpoint.context())


def test_what_is_plain_text_verifies_where_it_is_sent_on():
    context = PLAIN.context()
    assert context.check_hostname and context.verify_mode.name == "CERT_REQUIRED"


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (
            'no pg_hba.conf entry for host "10.0.0.9", user "a", database "b", no encryption',
            "without TLS: set `sslroot",
        ),
        ("SSL error: tlsv13 alert certificate required", "10.0.0.9 asks for a client certificate: name `cert` and"),
        ("SSL error: tlsv1 alert unknown ca", "10.0.0.9 refuses the client certificate: name a valid one of its CA"),
        ('FATAL:  password authentication failed for user "a"\nhint', 'password authentication failed for user "a"'),
    ],
)
def test_what_postgresql_refuses(message, wanted):
    error = psycopg.OperationalError(f'connection to server at "10.0.0.9", port 5432 failed: {message}')
    assert wanted in sql_errors.cause(error, {"host": "db.example,10.0.0.9"})

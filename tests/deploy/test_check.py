"""The checks that waits are made of, against a small HTTP server in place of etcd, Patroni and the app."""

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from firedrill.deploy.on_host import check
from firedrill.inventories import authority

PROGRAM = Path(check.__file__)


class Stub(BaseHTTPRequestHandler):
    """Answers each path with the server's `answers`: (status, object)."""

    def do_GET(self):
        status, body = self.server.answers.get(self.path, (404, {}))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Stub) as server:
        server.answers = {}
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def cluster(**members):
    return 200, {"members": [{"name": name, "role": role, "state": state} for name, (role, state) in members.items()]}


HEALTHY = cluster(db1=("leader", "running"), db2=("quorum_standby", "streaming"), db3=("replica", "streaming"))
HEADLESS = cluster(db1=("replica", "running"), db2=("replica", "start failed"))


@pytest.mark.parametrize(
    ("name", "path", "answer", "arguments", "wanted"),
    [
        ("quorum", "/health", (200, {"health": "true"}), {}, None),
        ("quorum", "/health", (503, {"health": "false", "reason": "QGET ERROR"}), {}, "HTTP 503"),
        ("quorum", "/health", (200, {"health": "false", "reason": "ALARM NOSPACE"}), {}, "ALARM NOSPACE"),
        ("leader", "/cluster", HEALTHY, {}, None),
        ("leader", "/cluster", HEADLESS, {}, "no running leader: db1 replica running, db2 replica start failed"),
        ("leader", "/cluster", (200, {}), {}, "no running leader: no members"),
        ("streaming", "/cluster", HEALTHY, {"member": "db1", "urls": {}}, None),
        ("streaming", "/cluster", HEALTHY, {"member": "db3", "urls": {}}, None),
        ("streaming", "/cluster", HEADLESS, {"member": "db2", "urls": {}}, "db2 is replica start failed"),
        ("streaming", "/cluster", HEADLESS, {"member": "db1", "urls": {}}, "db1 is replica running"),
        ("streaming", "/cluster", HEALTHY, {"member": "db9", "urls": {}}, "db9 is no member"),
        ("standby", "/cluster", HEALTHY, {}, None),
        ("standby", "/cluster", HEADLESS, {}, "no sync standby"),
        ("app", "/", (200, {"database": {"write": True, "read": True}}), {}, None),
        ("app", "/", (200, {"database": {"write": False, "read": True}}), {}, "does not answer for writes"),
    ],
)
def test_a_check(server, name, path, answer, arguments, wanted):
    server.answers[path] = answer
    found = check.poll(check.CHECKS[name], {"url": server.url, **arguments}, 0)
    assert found is None if wanted is None else wanted in found


@pytest.mark.parametrize(("state", "wanted"), [("streaming", None), ("backup", "db2 is sync_standby running")])
def test_patroni_3_0_reports_every_replica_as_running_so_the_leader_is_asked(server, state, wanted):
    server.answers["/cluster"] = cluster(db1=("leader", "running"), db2=("sync_standby", "running"))
    server.answers["/patroni"] = 200, {"replication": [{"application_name": "db2", "state": state}]}
    arguments = {"url": server.url, "member": "db2", "urls": {"db1": server.url}}
    assert check.poll(check.CHECKS["streaming"], arguments, 0) == wanted


def test_nobody_there():
    assert "refused" in check.poll(check.CHECKS["leader"], {"url": "http://127.0.0.1:9"}, 0)


@pytest.mark.parametrize(("answer", "wanted"), [(b"N", None), (b"S", None), (b"", "no PostgreSQL answers")])
def test_a_proxy_that_accepts_is_not_a_database(answer, wanted):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with listener.accept()[0] as connection:
                connection.recv(8)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        address, port = listener.getsockname()
        found = check.poll(check.CHECKS["postgres"], {"address": address, "port": port}, 0)
        thread.join()
    assert found == (wanted and f"{address}:{port}: {wanted}")


@pytest.fixture
def certified(tmp_path, monkeypatch):
    """The files of a CA, and of a host certificate for 127.0.0.1, where the program looks for them."""
    ca = authority.new_ca("demo")
    made = authority.issue(ca, "etcd", authority.for_names(["127.0.0.1"], {authority.SERVER, authority.CLIENT}), 1)
    for name, content in (("ca.crt", ca.cert), ("etcd.crt", made.cert), ("etcd.key", made.key)):
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(check, "TLS", str(tmp_path))
    monkeypatch.setattr(check, "CA", str(tmp_path / "ca.crt"))
    return tmp_path


def with_tls(folder, server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "etcd.crt", folder / "etcd.key")
    context.load_verify_locations(folder / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return f"https://127.0.0.1:{server.server_port}"


def test_etcd_sees_the_certificate_of_the_host(server, certified):
    server.answers["/health"] = (200, {"health": "true"})
    assert check.poll(check.CHECKS["quorum"], {"url": with_tls(certified, server)}, 0) is None


def test_a_server_of_another_authority_is_not_believed(server, certified):
    server.answers["/health"] = (200, {"health": "true"})
    url = with_tls(certified, server)
    (certified / "ca.crt").write_bytes(authority.new_ca("demo").cert)
    assert "certificate verify failed" in check.poll(check.CHECKS["quorum"], {"url": url}, 0)


@pytest.mark.parametrize(("answer", "wanted"), [(b"S", None), (b"N", "PostgreSQL has no TLS")])
def test_a_database_proves_its_name(certified, answer, wanted):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified / "etcd.crt", certified / "etcd.key")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with listener.accept()[0] as connection:
                connection.recv(8)
                connection.sendall(answer)
                if answer == b"S":
                    context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        address, port = listener.getsockname()
        found = check.poll(check.CHECKS["postgres"], {"address": address, "port": port, "tls": True}, 0)
        thread.join()
    assert found == (wanted and f"{address}:{port}: {wanted}")


def test_polling_goes_on_until_the_state_is_there(server):
    server.answers["/cluster"] = HEADLESS
    threading.Timer(0.5, server.answers.update, [{"/cluster": HEALTHY}]).start()
    began = time.monotonic()
    assert check.poll(check.CHECKS["leader"], {"url": server.url}, 10) is None
    assert 0.4 < time.monotonic() - began < 3


def test_past_the_deadline_it_says_what_for_how_long_and_what_was_found(server):
    server.answers["/cluster"] = HEADLESS
    command = [sys.executable, PROGRAM, "leader", json.dumps({"url": server.url}), "--seconds", "0.3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert first.endswith("waited 0.3 s for: The cluster has a running leader")
    assert second.endswith("found last: no running leader: db1 replica running, db2 replica start failed")


def test_what_holds_is_silent(server):
    server.answers["/cluster"] = HEALTHY
    done = subprocess.run([sys.executable, PROGRAM, "leader", json.dumps({"url": server.url})], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_journal_explains_with_its_errors_or_else_its_end(monkeypatch):
    journal = "started\nERROR: no space left\nworking\nFATAL: giving up\nbye\n"
    answer = subprocess.CompletedProcess([], 0, stdout=journal)
    monkeypatch.setattr(check.subprocess, "run", lambda *_, **__: answer)
    assert check.explain("patroni") == ["ERROR: no space left", "FATAL: giving up"]
    answer.stdout = "one\ntwo\n"
    assert check.explain("patroni") == ["one", "two"]

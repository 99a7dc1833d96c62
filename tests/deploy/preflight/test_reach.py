"""Hosts that cannot be reached: all of them, on ports where nothing listens."""

import json
import socket

import pytest

from firedrill.deploy.preflight import __main__ as command_line
from firedrill.deploy.preflight import reach
from firedrill.inventories.errors import USAGE
from firedrill.inventories.read import Host
from tests.labs import ROOT

HOSTS = """
_port = {port}
etcd = [(f"etcd{{n}}", {{"ssh_hostname": f"127.0.{{n}}.1", "ssh_port": _port}}) for n in (1, 2, 3)]
all = (etcd, {{"ssh_user": "root"}})
"""


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def shown(tmp_path, closed_port, monkeypatch, capsys):
    """What the check prints: each line."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.py").write_text(HOSTS.format(port=closed_port))
    (tmp_path / "group_data").symlink_to(ROOT / "inventories/group_data")

    def run(config: str = "") -> list[str]:
        (tmp_path / ".ssh").mkdir()
        (tmp_path / ".ssh/config").write_text(config)
        monkeypatch.setattr("sys.argv", ["preflight", "-i", str(tmp_path / "mine.py"), "--json"])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        assert ended.value.code == USAGE
        findings = json.loads(capsys.readouterr().out)["findings"]
        assert {(one["check"], one["refused"]) for one in findings} == {("reachable", True)}
        return sorted(f"{one['host']} {one['cause']}: {one['remedy']}" for one in findings)

    return run


def test_where_no_host_can_be_reached_each_is_named_with_the_cause(shown, closed_port):
    lines = shown()
    assert [line.split()[0] for line in lines] == ["etcd1", "etcd2", "etcd3"]
    assert "127.0.2.1 cannot be reached over SSH (Could not connect (" in lines[1]
    assert f"port {closed_port} on 127.0.2.1)): start it, or leave it out with --exclude etcd2" in lines[1]


def test_a_jump_host_that_is_down_is_one_cause(shown, closed_port):
    (line,) = shown(f"Host 127.0.*\n  ProxyJump ops@localhost:{closed_port}\n")
    assert line.startswith("settings no host can be reached over SSH, each for the same reason (Could not connect (")
    assert line.endswith("start the jump host or VPN that leads to them, or correct the login in the inventory")


def test_what_pyinfra_prints_of_hosts():
    printed = "--> Connecting\n    [db1]   Could not connect (x)\n    [etcd1] Authentication error (y)\n\n--> error\n"
    assert reach.causes(printed) == {"db1": "Could not connect (x)", "etcd1": "Authentication error (y)"}


def test_those_behind_the_same_jump_host_are_one_finding_and_others_their_own(tmp_path):
    hosts = [Host(f"db{n}", f"192.0.2.{n}", ("postgres",), {}) for n in (1, 2, 3, 4)]
    why = {"db1": "Could not connect (jump)", "db2": "Could not connect (jump)", "db3": "Authentication error (x)"}
    first, second, third = reach.unreached(hosts, tmp_path / "mine.py", why, every=True)
    assert first.cause == "db1, db2 cannot be reached over SSH, each for the same reason (Could not connect (jump))"
    assert (second.host, second.cause) == ("db3", "192.0.2.3 cannot be reached over SSH (Authentication error (x))")
    assert (third.host, third.cause) == ("db4", "192.0.2.4 cannot be reached over SSH")

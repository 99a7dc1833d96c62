"""The programs that run on a host: what they report of this machine, and what they leave: nothing."""

import base64
import json
import os
import socket
import subprocess
import sys
import zlib
from types import SimpleNamespace

import jinja2
import pytest

from firedrill import package
from firedrill.deploy import on_host, wanted
from firedrill.deploy.on_host import lease, survey
from firedrill.deploy.preflight import look
from firedrill.inventories import drill_lock, profiles, secrets
from firedrill.inventories.read import Host, defaults


def test_it_reports_this_machine(tmp_path):
    asked = {
        "ports": [],
        "folders": ["/", "/no/such/folder", str(tmp_path)],
        "packages": ["no-such-package"],
        "watchdog": "/dev/null",
    }
    asked |= {"etcd": str(tmp_path / "etcd"), "etcd_folder": str(tmp_path)}
    asked["versions"] = {}
    found = json.loads(
        subprocess.run(
            ["sh", "-c", look.Survey().command(json.dumps(asked))], capture_output=True, text=True, check=True
        ).stdout
    )
    assert found["hostname"] == socket.gethostname()
    assert "device" in found["watchdog"]
    assert found["disks"]["/no/such/folder"]["free"] > 0
    if os.geteuid() == 0:
        assert found["packages"]["missing"] == ["no-such-package"]
        assert 0 < len(found["etcd"]["fsync_ms"]) <= survey.FSYNC_MOST
    assert list(tmp_path.iterdir()) == []


def test_it_is_asked_only_for_what_the_roles_need(hosts):
    for host in hosts:
        asked = wanted.of(host)
        assert ("etcd" in asked, "postgres" in asked, "floating" in asked) == tuple(
            role in host.roles for role in ("etcd", "postgres", "proxy")
        )
    assert wanted.of(hosts[0])["ports"] == [2379, 2380]
    assert "postgresql-{version}" in wanted.of(hosts[3])["packages"]
    assert wanted.of(hosts[3])["versions"] == {"bookworm": "15", "trixie": "17"}


def test_it_travels_packed():
    word = on_host.packed(look.PROGRAM)
    assert zlib.decompress(base64.b64decode(word)) == look.PROGRAM.read_bytes()
    assert len(word) < 8000


@pytest.mark.parametrize("tls", [True, False])
def test_whether_a_service_was_configured_with_tls(tls, tmp_path, monkeypatch):
    """As deploy/preflight/data.py wants it, from the files that the templates make."""
    known = defaults() | {"tls": tls}
    me = Host("x1", "192.0.2.1", ("proxy",), known)
    values = {"data": known, "me": me, "members": lambda _role: [me], "tls_folder": "/etc/firedrill/tls"}
    values |= {"profile": profiles.settings(known), "passwords": secrets.Secrets(dict.fromkeys(secrets.NAMES, "x"))}
    values |= {"dynamic": {}, "postgres": 17, "builtin_locale": True, "logins": [], "etcd_user": "x"}
    values |= {"stats_user": "x", "stats_hash": "x", "monitored": False}
    made = {"patroni": "patroni.yml", "haproxy": "haproxy.cfg", "nginx": "nginx.conf"}
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(package.file("templates")), trim_blocks=True, lstrip_blocks=True
    )
    for service, name in made.items():
        (tmp_path / service).write_text(templates.get_template(f"{name}.j2").render(**values))
    monkeypatch.setattr(survey, "FILES", {service: str(tmp_path / service) for service in made})
    assert survey.ours().keys() == made.keys()
    assert survey.encrypted(survey.ours()) == dict.fromkeys(made, tls)


def test_who_listens_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (found,) = survey.holders([port])
        assert (found["port"], found["pid"]) == (port, os.getpid())
        assert found["process"]
    assert survey.holders([port]) == []


def test_the_data_of_postgres(tmp_path):
    assert survey.postgres(str(tmp_path), "17") == {"exists": False, "system": None, "version": "17", "main": False}
    (tmp_path / "global").mkdir()
    (tmp_path / "global/pg_control").write_bytes((7_300_000_000_000_000_001).to_bytes(8, sys.byteorder) + b"rest")
    assert survey.postgres(str(tmp_path), "17")["system"] == "7300000000000000001"


@pytest.mark.parametrize(
    ("path", "used"), [("1/1259", False), ("5/16384_fsm", True), ("16385/1259", True), ("x/y", False)]
)
def test_what_users_created_in_a_data_directory(tmp_path, path, used):
    file = tmp_path / "base" / path
    file.parent.mkdir(parents=True)
    file.touch()
    assert survey.has_user_data(str(tmp_path)) is used


@pytest.mark.parametrize(
    ("path", "exists", "packaged"),
    [
        ("demo/mysql.ibd", True, False),
        ("demo/orders/row.ibd", True, False),
        ("mysql/user.ibd", False, False),
        ("sys/sys_config.ibd", False, False),
        ("orders/row.ibd", False, True),
        ("ibdata1", False, False),
    ],
)
def test_the_data_of_mysql(tmp_path, path, exists, packaged):
    (tmp_path / path).parent.mkdir(exist_ok=True, parents=True)
    (tmp_path / path).touch()
    assert survey.mysql(str(tmp_path / "demo")) == {"exists": exists, "packaged": packaged, "uuid": None}


def test_the_id_of_a_mysql_server(tmp_path):
    uuid = "db5baf0e-e9f5-11f1-b342-a6025e81d890"
    (tmp_path / "auto.cnf").write_text(f"[auto]\nserver-uuid={uuid}\n")
    assert survey.mysql(str(tmp_path))["uuid"] == uuid
    (tmp_path / "auto.cnf").write_text("[auto]\nserver-uuid=../../etc\n")
    assert survey.mysql(str(tmp_path))["uuid"] is None


def test_the_cluster_of_a_mysql_server_is_that_of_its_data_folder(tmp_path, monkeypatch):
    (tmp_path / "mysql").write_text("# Firedrill: MySQL of db1\n[mysqld]\ndatadir = /var/lib/mysql/orders\n")
    monkeypatch.setattr(survey, "FILES", {"mysql": str(tmp_path / "mysql")})
    assert survey.ours() == {"mysql": "orders"}


def test_the_versions_that_a_host_has_or_will_get(monkeypatch):
    status = "Package: etcd-server\nStatus: install ok installed\nSection: net\nVersion: 3.5.28-1\n\n"
    monkeypatch.setattr(survey, "text_of_status", lambda: status)
    monkeypatch.setattr(survey, "policy", lambda names: "patroni:\n  Installed: (none)\n  Candidate: 4.0.7-1\n")
    found = survey.release({"etcd": "/x", "postgres": "/y"})
    assert (found["etcd"], found["patroni"]) == ("3.5.28-1", "4.0.7-1")
    assert survey.release({}).keys() == {"system", "codename"}


POLICY = """\
etcd-server:
  Installed: (none)
  Candidate: 3.5.16-4
  Version table:
patroni:
  Installed: (none)
  Candidate: (none)
  Version table:
"""


def test_packages_without_a_candidate(monkeypatch):
    monkeypatch.setattr(survey, "policy", lambda names: POLICY)
    monkeypatch.setattr(survey.glob, "glob", lambda pattern: ["somewhere"])
    status = "Package: curl\nStatus: install ok installed\n\nPackage: nginx\nStatus: deinstall ok config-files\n"
    monkeypatch.setattr(survey, "text_of_status", lambda: status)
    monkeypatch.setattr(survey, "sources", lambda: True)
    found = survey.packages(["curl", "nginx", "etcd-server", "patroni"])
    assert found["missing"] == ["etcd-server", "nginx", "patroni"]
    assert found["unavailable"] == ["nginx", "patroni"]


def test_the_address_of_a_proxy(monkeypatch):
    shown = "1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet 10.0.0.5/24 brd 10.0.0.255 scope global eth0\n"
    monkeypatch.setattr(survey, "output", lambda *_: shown)
    monkeypatch.setattr(survey, "answers", lambda interface, floating: f"asked on {interface}")
    assert survey.address("10.0.0.5", "10.0.0.9") == {
        "interface": "eth0", "network": "10.0.0.5/24", "holds": False, "answers": "asked on eth0"
    }  # fmt: skip
    assert survey.address("10.0.0.6", "10.0.0.5")["holds"] is True


@pytest.mark.parametrize(("version", "trial", "wanted"), [("", "", None), ("nft", "works\n", True), ("nft", "", False)])
def test_whether_the_kernel_has_nftables(monkeypatch, version, trial, wanted):
    monkeypatch.setattr(survey, "output", lambda *command: version if command[0] == "nft" else trial)
    assert survey.nftables() is wanted


# -- the lock on a host


@pytest.fixture
def leased(tmp_path):
    """Start the program: `leased("me")`."""
    started = []

    def start(text: str, seconds: float = 30, path=tmp_path / "lock") -> SimpleNamespace:
        command = [sys.executable, lease.__file__, str(path), text, str(seconds)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return SimpleNamespace(answer=process.stdout.readline().strip(), process=process)

    yield start
    for process in started:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


def test_the_second_deploy_learns_who_holds_the_lock(leased, tmp_path):
    me = drill_lock.this_process("deploy")
    first = leased(drill_lock.written(me))
    assert first.answer == "taken"
    second = leased("me, too").answer
    assert drill_lock.parsed(second.removeprefix("held ")) == me
    first.process.stdin.close()
    assert first.process.wait(10) == 0
    assert not (tmp_path / "lock").exists()
    assert leased("me, too").answer == "taken"


def test_a_controller_that_falls_silent_loses_the_lock(leased, tmp_path):
    assert leased("me", seconds=0.2).process.wait(10) == 0
    assert not (tmp_path / "lock").exists()


def test_a_file_without_a_process_is_no_lock(leased, tmp_path):
    first = leased("me")
    first.process.kill()
    first.process.wait()
    assert (tmp_path / "lock").read_text() == "me"
    assert leased("next").answer == "taken"
    assert (tmp_path / "lock").read_text() == "next"


def test_nobody_else_can_open_the_lock(leased, tmp_path):
    """A local user who holds it could refuse every deploy."""
    assert leased("me", path=tmp_path / "locks/x").answer == "taken"
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "locks", tmp_path / "locks/x")] == [0o700, 0o600]


def test_a_link_is_not_followed(leased, tmp_path):
    (tmp_path / "lock").symlink_to(tmp_path / "passwd")
    assert leased("me").answer == ""
    assert not (tmp_path / "passwd").exists()


@pytest.mark.parametrize("text", ["", "7", "{}", '{"what": "deploy"}', "\x00", '{"pid": "x"}'])
def test_a_lock_that_was_not_written_whole(text):
    assert drill_lock.parsed(text) == drill_lock.UNKNOWN


def test_what_a_host_says_does_not_control_the_terminal():
    text = drill_lock.written(drill_lock.this_process("deploy")._replace(user="\x1b[2J"))
    assert "\x1b" not in drill_lock.parsed(text).running("here")

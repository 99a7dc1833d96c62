"""The deploy of a MySQL group: its plan, its files, HAProxy's check, and the keeper that forms and joins the group."""

import contextlib
import datetime
import inspect
import json
import socket
import struct
import threading
from pathlib import Path

import pytest

from firedrill.deploy import mysql_check, systems, wanted
from firedrill.deploy.on_host import check, group
from firedrill.inventories.mysql_literal import literal
from firedrill.inventories.read import ROLES, Host, defaults
from firedrill.weather import clients
from tests.deploy.test_templates import collect, content

ROOT = Path(__file__).resolve().parents[2]
FAKE = """
mysqld = [_host("db1", 21), _host("db2", 22), _host("db3", 23)]
proxy = [_host("lb1", 31)]
app = [_host("app1", 41)]
all = (mysqld + proxy + app, {"vip": "192.0.2.100", "system": "group_replication"})
"""


@pytest.fixture(scope="module")
def inventory(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mysql")
    head = (ROOT / "inventories/fake.py").read_text().split("etcd = ")[0]
    (folder / "fake_mysql.py").write_text(head + FAKE)
    (folder / "group_data").symlink_to(ROOT / "inventories/group_data")
    return folder / "fake_mysql.py"


@pytest.fixture(scope="module")
def secrets_file(inventory):
    return ("--data", f"secrets_file={inventory.parent / 'secrets.json'}")


@pytest.fixture(scope="module")
def files(inventory, secrets_file):
    return collect(inventory, *secrets_file)


def test_the_plan_forms_the_group_from_one_server_alone(pyinfra, inventory, secrets_file):
    done = pyinfra("--dry", "--json", *secrets_file, inventory, "deploy/cluster.py")
    plan = json.loads(done.stdout)["plan"]
    forms = next(step for step in plan if step["name"].startswith("Form the group"))
    assert forms["hosts_with_change"] == ["@fake/db1"]
    order = [step["name"] for step in plan]
    for earlier, later in [
        ("Install MySQL", "Initialize MySQL's data folder"),
        ("Start MySQL", "Form the group if no server was ever in one"),
        ("Wait for the primary of the group", "Create the database on the primary"),
        ("Create the database on the primary", "Wait until MySQL answers at HAProxy's write port"),
    ]:
        assert order.index(earlier) < order.index(later)
    assert not any("etcd" in name or "Patroni" in name for name in order)


def test_a_server_that_has_not_joined_is_read_only(files):
    text = content(files, "db2", "/etc/mysql/mysql.conf.d/zz-firedrill.cnf")
    assert "super_read_only = ON\n" in text and "server_id = 2\n" in text
    assert "group_seeds = 192.0.2.21:33061,192.0.2.22:33061,192.0.2.23:33061\n" in text
    assert "group_replication_ssl_mode = VERIFY_CA\n" in text and "start_on_boot = OFF\n" in text


def test_passwords_and_keys_are_for_their_service_alone(files):
    mine = files["db1"]
    assert mine["/etc/firedrill/mysql/recovery.cnf"][1:3] == [0o600, "root"]
    assert mine["/etc/firedrill/tls/mysqld.key"][1:3] == [0o600, "mysql"]


def test_haproxy_checks_the_role_by_itself(files):
    text = content(files, "lb1", "/etc/haproxy/haproxy.cfg")
    for backend in ("mysql_write", "mysql_read"):
        assert f"\nbackend {backend}\n" in text
    assert text.count("server db2 192.0.2.22:3306 check on-marked-down shutdown-sessions\n") == 2
    assert text.count(f"tcp-check send-binary {mysql_check.login()}\n") == 2
    assert "postgres" not in text
    assert "server app1 192.0.2.41:8000 check" in text


def test_the_app_is_configured_for_mysql_and_its_host_has_that_driver_alone(files):
    text = content(files, "app1", "/etc/weather/weather.env")
    assert "WEATHER_DATABASE=mysql\n" in text and "WEATHER_CA=" in text
    installed = wanted.packages(
        Host("app1", "192.0.2.41", ("app",), defaults() | {"system": "group_replication"}), "17"
    )
    assert "python3-pymysql" in installed and "python3-psycopg" not in installed
    assert set(clients.KINDS) == {system.app for system in systems.SYSTEMS.values()}


def test_proxies_of_a_cluster_without_the_app_have_no_http_frontend(pyinfra, inventory, secrets_file, tmp_path):
    text = inventory.read_text().replace("app = [", "_app = [").replace(" + app", "")
    (tmp_path / "fake_mysql.py").write_text(text)
    (tmp_path / "group_data").symlink_to(ROOT / "inventories/group_data")
    text = content(collect(tmp_path / "fake_mysql.py", *secrets_file), "lb1", "/etc/haproxy/haproxy.cfg")
    assert "frontend http" not in text and "backend weather" not in text and "frontend stats" in text


def packets(text):
    raw = bytes.fromhex(text)
    length = struct.unpack("<I", raw[:3] + b"\0")[0]
    assert len(raw) == length + 4
    return raw[3], raw[4:]


def test_the_bytes_of_the_check_are_packets():
    sequence, login = packets(mysql_check.login())
    assert sequence == 1 and login[32:].split(b"\0") == [b"haproxy_check", b"", b"caching_sha2_password", b""]
    sequence, query = packets(mysql_check.query("PRIMARY", read_only=False))
    assert sequence == 0 and query[0] == 3 and b"member_role='PRIMARY'" in query and b"@@super_read_only=0" in query


@pytest.mark.parametrize("text", ["plain", "it's", "back\\slash", "'; DROP TABLE x; --"])
def test_a_password_is_one_literal(text):
    quoted = literal(text)
    assert quoted[0] == quoted[-1] == "'"
    assert quoted[1:-1].replace("''", "'").replace("\\\\", "\\") == text


# The keeper

NEW = {"state": "OFFLINE", "role": "", "majority": True, "gtid_executed": ""}
MEMBER = {"state": "ONLINE", "role": "PRIMARY", "majority": True, "gtid_executed": "uuid:1-9"}
LEFT = NEW | {"gtid_executed": "uuid:1-9"}


@pytest.fixture
def servers(monkeypatch, tmp_path):
    """What each server reports, by address (None: this one), and the statements that this one was given."""
    found, said = {None: NEW, "2": NEW, "3": NEW}, []
    (tmp_path / "group.json").write_text(json.dumps({"port": 3306, "peers": {"db2": "2", "db3": "3"}}))

    def ask(statements, address=None, port=None, seconds=0):
        if statements != group.LOOK:
            said.append(statements)
            return []
        if found[address] is None:
            raise group.Failed("no answer")
        row = found[address]
        return [[row["state"], row["role"], str(int(row["majority"])), row["gtid_executed"]]]

    monkeypatch.setattr(group, "SETTINGS", tmp_path / "group.json")
    monkeypatch.setattr(group, "ask", ask)
    monkeypatch.setattr(group, "PEERS_S", 0)
    return found, said


def test_a_new_group_is_formed(servers):
    group.bootstrap_if_fresh()
    assert servers[1] == [group.BOOTSTRAP]


@pytest.mark.parametrize("other", [MEMBER, LEFT])
def test_a_group_that_exists_or_existed_is_not_formed_again(servers, other):
    servers[0]["2"] = other
    group.bootstrap_if_fresh()
    assert servers[1] == []


def test_while_a_server_is_silent_nobody_forms_a_group(servers):
    servers[0]["3"] = None
    with pytest.raises(group.Failed, match="db3: no answer"):
        group.bootstrap_if_fresh()
    assert servers[1] == []


def test_a_new_server_of_a_group_waits_for_nobody(servers):
    servers[0].update({"2": MEMBER, "3": None})
    group.bootstrap_if_fresh()
    assert servers[1] == []


@pytest.mark.parametrize(("in_file", "in_sql"), [("plain", "plain"), ("it's", "it''s"), ('a"b\\\\c', 'a"b\\\\c')])
def test_a_server_joins_with_the_password_of_the_file(servers, monkeypatch, tmp_path, in_file, in_sql):
    """In the file as in SQL a backslash is doubled."""
    (tmp_path / "recovery.cnf").write_text(f'[client]\nuser = replicator\npassword = "{in_file}"\n')
    monkeypatch.setattr(group, "RECOVERY", tmp_path / "recovery.cnf")
    group.join()
    assert f"SOURCE_PASSWORD = '{in_sql}' FOR CHANNEL" in servers[1][0]


def test_an_operator_forms_it_again_after_a_total_outage_only(servers):
    found, said = servers
    found.update({None: LEFT, "2": LEFT, "3": None})
    group.bootstrap()
    assert said == [group.BOOTSTRAP]
    found["2"] = MEMBER
    with pytest.raises(group.Failed, match="another server is in a group"):
        group.bootstrap()


REPL = "[ERROR] [MY-010584] [Repl] Replica I/O for channel 'group_replication_recovery': "
LOGGED = {
    "[ERROR] [MY-011526] [Repl] Plugin group_replication reported: 'This member has more executed transactions than "
    "those present in the group. Local transactions: a:1-9 > Group transactions: b:1-5'": "move its data folder away",
    f"{REPL}Error connecting to source 'replicator@192.0.2.22:3306'. Message: Access denied for user "
    "'replicator'@'192.0.2.21' (using password: YES), Error_code: MY-001045": "refuses the password for recovery",
    f"{REPL}Message: SSL connection error: error:0A000086:SSL routines::certificate verify failed": "do not match",
    f"{REPL}Got fatal error 1236 from source when reading data from binary log: 'Cannot replicate because the source "
    "purged required binary logs.'": "clone all data",
}


@pytest.mark.parametrize("line", LOGGED)
def test_why_a_server_is_no_member_is_named_with_the_remedy(servers, monkeypatch, tmp_path, line):
    log = tmp_path / "error.log"
    monkeypatch.setattr(group, "LOG", log)
    now = datetime.datetime(2026, 11, 27, 3, 0, tzinfo=datetime.UTC)
    log.write_text(f"2026-11-27T02:59:40.123456Z 7 {line}\n2026-11-27T02:59:41.000000Z 0 [System] [MY-1] stopped\n")
    assert LOGGED[line] in group.why(now)
    assert group.why(now + datetime.timedelta(hours=1)) is None, "what is over says nothing about now"
    monkeypatch.setattr(group, "RECENT_S", 10**9)
    shown = group.everyone()
    assert LOGGED[line] in check.group_listed(shown)
    servers[0][None] = MEMBER
    assert "why" not in group.everyone()["me"]


def test_a_server_without_a_log_is_no_member_for_unknown_reasons(servers, monkeypatch, tmp_path):
    monkeypatch.setattr(group, "LOG", tmp_path / "nothing")
    assert check.group_listed(group.everyone()) == "me OFFLINE, db2 OFFLINE, db3 OFFLINE"


def test_a_member_without_a_majority_is_no_group(servers):
    servers[0]["2"] = MEMBER | {"majority": False}
    assert not group.exists()


def test_the_preflight_knows_the_ports_and_folders_of_every_role():
    hosts = {role: Host("db1", "192.0.2.21", (role,), defaults()) for role in ("etcd", "postgres", "mysqld")}
    assert set(wanted.PORTS) == set(ROLES) == set(wanted.SERVICES) - {wanted.EXPORTER}
    assert wanted.ports(hosts["mysqld"]) == {3306: "mysqld", 33061: "mysqld"}
    assert all(wanted.FOLDERS[role] in wanted.of(host)["folders"] for role, host in hosts.items())


@pytest.mark.parametrize(
    ("greeting", "cause"),
    [
        (b"\x4a\0\0\0\x0a9.7.4-2\0" + b"\x01\0\0\0" + b"x" * 8 + b"\0\xff\xff", None),
        (b"\x4a\0\0\0\x0a9.7.4-2\0" + b"\x01\0\0\0" + b"x" * 8 + b"\0\xff\xf7", "does not offer TLS"),
        (b"", "no MySQL answers"),
    ],
)
def test_what_answers_behind_a_proxy_is_mysql_with_tls(greeting, cause):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet():
            with listener.accept()[0] as client:
                client.sendall(greeting)

        threading.Thread(target=greet).start()
        with pytest.raises(check.NotYet, match=cause) if cause else contextlib.nullcontext():
            check.mysql("127.0.0.1", listener.getsockname()[1], True)


def test_a_proxy_asks_every_database_with_the_same_arguments():
    assert inspect.signature(check.mysql) == inspect.signature(check.postgres)

"""Addresses and passwords come from one place, and passwords are never shown."""

import json
import stat
from dataclasses import replace

import pytest

from firedrill.faults import processes
from firedrill.inventories import secrets
from firedrill.inventories.access import access
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import Inventory, read


def with_secrets(inventory: Inventory, file) -> Inventory:
    hosts = tuple(replace(host, data=host.data | {"secrets_file": str(file)}) for host in inventory.hosts)
    return replace(inventory, hosts=hosts)


def test_passwords_are_made_once_in_a_file_of_mode_0600(tmp_path):
    file = tmp_path / "deep/secrets.json"
    first = secrets.load(file, "one")
    assert secrets.load(file, "one") == first
    assert secrets.load(file, "two")["superuser"] != first["superuser"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(json.loads(file.read_text())) == {"one", "two"}


def test_a_name_added_later_gets_a_password_and_the_rest_keep_theirs(tmp_path):
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"one": {"superuser": "old"}}))
    loaded = secrets.load(file, "one")
    assert loaded["superuser"] == "old"
    assert set(loaded) == set(secrets.NAMES)


def test_the_ways_in_show_no_password(tmp_path):
    ways = access(with_secrets(read(), tmp_path / "secrets.json"))
    assert ways.http_url == "http://10.77.0.100:80"
    assert ways.sql_front()["host"] == "10.77.0.100"
    assert ways.etcd[0] == ("10.77.0.11", 2379)
    assert not any(password in repr(ways) for password in ways.passwords.values())


def test_without_a_floating_address_the_first_proxy_is_the_front(tmp_path):
    inventory = with_secrets(read(), tmp_path / "secrets.json")
    hosts = tuple(replace(host, data={k: v for k, v in host.data.items() if k != "vip"}) for host in inventory.hosts)
    assert access(replace(inventory, hosts=hosts)).front == "10.77.0.31"


# -- clusters that others made -------------------------------------------------------------------------------


THEIRS = """
_hosts = [("a", {{"ssh_hostname": "192.0.2.1", "patroni_name": "pg-1"}}), ("b", {{"ssh_hostname": "192.0.2.2"}})]
_ports = {{"postgres": 6433, "etcd": 99, "patroni": 1}}
postgres = etcd = _hosts + [("c", {{"ssh_hostname": "192.0.2.3", "ports": _ports}})]
proxy = {proxy}
all = (
    postgres + proxy,
    {{
        "foreign": True,
        "cluster": "orders",
        "patroni_namespace": "db",
        "ports": {{"postgres": 6432, "etcd": 12379}},
        "credentials": {{
            "sql": {{"user": "dba", "password": "pw-1"}},
            "etcd": {{"user": "root", "password_env": "ETCD_PW"}},
        }},
        "units": {{"patroni": "pgha"}},
        "secrets_file": "{folder}/secrets.json",
    }},
)
"""


@pytest.fixture
def theirs(tmp_path):
    def make(proxy: str = "[]"):
        file = tmp_path / "theirs.py"
        file.write_text(THEIRS.format(proxy=proxy, folder=tmp_path))
        return access(read(file))

    return make


def test_a_foreign_cluster_is_reached_as_its_inventory_says(theirs, monkeypatch):
    monkeypatch.setenv("ETCD_PW", "pw-2")
    ways = theirs()
    front = ways.sql_front()
    assert (front["host"], front["port"]) == ("192.0.2.1,192.0.2.2,192.0.2.3", "6432,6432,6433")
    assert front["target_session_attrs"] == "read-write"
    assert {key for key in front if front[key] != ways.sql_read().get(key)} == {"target_session_attrs"}
    assert (front["user"], front["password"], front["dbname"]) == ("dba", "pw-1", "weather")
    assert ways.etcd == [("192.0.2.1", 12379), ("192.0.2.2", 12379), ("192.0.2.3", 99)]
    assert ways.etcd_options == {"user": "root", "password": "pw-2"}
    assert ways.patroni_prefix == "/db/orders/"
    assert [ways.patroni_url(host) for host in ways.inventory.hosts][1:] == [
        "http://192.0.2.2:8008",
        "http://192.0.2.3:1",
    ]
    assert (ways.named("pg-1"), ways.named("b")) == ("a", "b")
    assert (ways.profile["ttl"], ways.profile_name) == (30, "of its own")
    assert processes.unit("postgres", ways.inventory["a"]) == "pgha.service"
    assert processes.unit("etcd", ways.inventory["a"]) == "etcd.service"
    assert ways.secrets == {"pw-1", "pw-2"}
    assert "pw-1" not in repr(ways)


def test_no_password_is_made_for_it(theirs, tmp_path):
    assert theirs().passwords == {}
    assert not (tmp_path / "secrets.json").exists()


def test_a_password_that_is_not_there_is_told(theirs, monkeypatch):
    monkeypatch.delenv("ETCD_PW", raising=False)
    ways = theirs()
    with pytest.raises(InventoryProblem, match="no password for etcd"):
        assert ways.etcd_options
    with pytest.raises(InventoryProblem, match="no password for patroni_rest"):
        assert ways.patroni_auth


def test_with_proxies_it_is_reached_through_them(theirs):
    ways = theirs('[("lb", {"ssh_hostname": "192.0.2.9"})]')
    assert ways.front == "192.0.2.9"
    assert "target_session_attrs" not in ways.sql_front()
    assert (ways.sql_read()["host"], ways.sql_read()["port"]) == ("192.0.2.9", ways.ports["read"])


def test_what_would_go_unheard_is_refused(inventory_file):
    text = (
        'postgres = [("a", {"ssh_hostname": "192.0.2.1"})]\nall = (postgres, {"foreign": True, "vip": "192.0.2.8"})\n'
    )
    with pytest.raises(InventoryProblem, match="'foreign' in the data of all hosts"):
        read(inventory_file(text))

"""Addresses and passwords come from one place, and passwords are never shown."""

from dataclasses import replace

import pytest

from firedrill.cluster import names
from firedrill.faults import processes
from firedrill.inventories import certificates
from firedrill.inventories.access import access
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import Inventory, read


def with_secrets(inventory: Inventory, file) -> Inventory:
    hosts = tuple(replace(host, data=host.data | {"secrets_file": str(file)}) for host in inventory.hosts)
    certificates.load(hosts, hosts[0].data)
    return replace(inventory, hosts=hosts)


def test_access_shows_no_password(tmp_path):
    there = access(with_secrets(read(), tmp_path / "secrets.json"))
    assert [app.url for app in there.http] == ["https://10.77.0.100:443"]
    assert there.sql_front()["host"] == "10.77.0.100"
    assert there.etcd[0].url == "https://10.77.0.11:2379"
    assert not any(password in repr(there) for password in there.passwords.values())


def test_without_a_floating_address_clients_get_all_proxies(tmp_path):
    inventory = with_secrets(read(), tmp_path / "secrets.json")
    hosts = tuple(replace(host, data={k: v for k, v in host.data.items() if k != "vip"}) for host in inventory.hosts)
    there = access(replace(inventory, hosts=hosts))
    assert there.front == "10.77.0.31,10.77.0.32"
    assert [app.url for app in there.http] == ["https://10.77.0.31:443", "https://10.77.0.32:443"]
    assert (there.sql_front()["host"], there.sql_front()["port"]) == ("10.77.0.31,10.77.0.32", 5000)
    assert there.sql_read()["load_balance_hosts"] == "random"
    assert [app.url for app in replace(there, one_proxy=True).http] == ["https://10.77.0.31:443"]


# -- existing clusters -------------------------------------------------------------------------------


EXISTING = """
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
def existing(tmp_path):
    def make(proxy: str = "[]"):
        file = tmp_path / "existing.py"
        file.write_text(EXISTING.format(proxy=proxy, folder=tmp_path))
        return access(read(file))

    return make


def test_a_foreign_cluster_is_reached_as_its_inventory_says(existing, monkeypatch):
    monkeypatch.setenv("ETCD_PW", "pw-2")
    there = existing()
    front = there.sql_front()
    assert (front["host"], front["port"]) == ("192.0.2.1,192.0.2.2,192.0.2.3", "6432,6432,6433")
    assert front["target_session_attrs"] == "read-write"
    assert {key for key in front if front[key] != there.sql_read().get(key)} == {"target_session_attrs"}
    assert (front["user"], front["password"], front["dbname"]) == ("dba", "pw-1", "weather")
    assert [one.place for one in there.etcd] == ["192.0.2.1:12379", "192.0.2.2:12379", "192.0.2.3:99"]
    assert {(one.tls, one.auth) for one in there.etcd} == {(None, ("root", "pw-2"))}
    assert there.patroni_prefix == "/db/orders/"
    assert [there.patroni(host).url for host in there.inventory.hosts][1:] == [
        "http://192.0.2.2:8008",
        "http://192.0.2.3:1",
    ]
    assert (names.host_of(there, "pg-1"), names.host_of(there, "b")) == ("a", "b")
    assert (there.profile["ttl"], there.profile_name) == (30, "of its own")
    assert processes.unit("postgres", there.inventory["a"]) == "pgha.service"
    assert processes.unit("etcd", there.inventory["a"]) == "etcd.service"
    assert there.secrets == {"pw-1", "pw-2"}
    assert "pw-1" not in repr(there)


def test_no_password_is_generated_for_it(existing, tmp_path):
    assert existing().passwords == {}
    assert not (tmp_path / "secrets.json").exists()


def test_a_missing_password_is_reported(existing, monkeypatch):
    monkeypatch.delenv("ETCD_PW", raising=False)
    there = existing()
    with pytest.raises(InventoryProblem, match="no password for etcd"):
        assert there.etcd
    with pytest.raises(InventoryProblem, match="no password for patroni_rest"):
        assert there.patroni_operator(there.inventory["a"])


def test_with_proxies_it_is_reached_through_them(existing):
    there = existing('[("lb", {"ssh_hostname": "192.0.2.9"})]')
    assert there.front == "192.0.2.9"
    assert "target_session_attrs" not in there.sql_front()
    assert (there.sql_read()["host"], there.sql_read()["port"]) == ("192.0.2.9", there.ports["read"])


def test_overridden_data_is_refused(inventory_file):
    text = (
        'postgres = [("a", {"ssh_hostname": "192.0.2.1"})]\nall = (postgres, {"foreign": True, "vip": "192.0.2.8"})\n'
    )
    with pytest.raises(InventoryProblem, match="'foreign' in the data of all hosts"):
        read(inventory_file(text))

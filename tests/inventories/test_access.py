"""Addresses and passwords come from one place, and passwords are never shown."""

import json
import stat
from dataclasses import replace

from inventories import secrets
from inventories.access import access
from inventories.read import Inventory, read


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

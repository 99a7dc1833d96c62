"""Whatever an inventory sets: it is refused in one line, or every client gets its addresses and options."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firedrill.cluster.systems import system_of
from firedrill.experiments.observe import catalogue
from firedrill.inventories import keys, values
from firedrill.inventories.access import Access
from firedrill.inventories.drill_lock import folder
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import Inventory, check, defaults, read, with_defaults
from firedrill.inventories.secrets import Secrets
from tests.fuzz import anything, few

PATH = Path("/made/lab.py")
DEFAULTS = defaults()
KEYS = sorted(DEFAULTS.keys() | set(keys.OPTIONAL))
ENTRIES = sorted(
    {name for names in keys.ENTRIES.values() for name in names}
    | {name for key in keys.LIKE_DEFAULT for name in DEFAULTS[key]}
    | {*keys.CREDENTIAL, "fast", *DEFAULTS["profiles"]["fast"], "sql", "mode", "device"}
)
VALUES = anything(tuple(ENTRIES))


class Hosts(tuple):
    """Hosts that fill no page where a test fails."""

    def __repr__(self) -> str:
        return f"{len(self)} hosts"


@pytest.fixture(scope="module")
def hosts() -> Hosts:
    """One of each role, so that each example is quick."""
    inventory = read()
    return Hosts(inventory.role(role)[0] for role in ("etcd", "postgres", "proxy", "app"))


def used(inventory: Inventory) -> None:
    """What clients ask of an inventory that was accepted."""
    access = Access(inventory, Secrets(firedrill="x", patroni_rest="x"))
    system_of(inventory)
    assert isinstance(inventory.data.get("chaos_allowed", False), bool)
    assert folder(inventory).parent.name == "faults"
    _ = access.front, access.http, access.profile, access.profile_name, access.has_app, access.etcd, access.secrets
    _ = access.patroni_prefix, access.sql_front(), access.sql_read()
    for host in inventory.hosts:
        _ = access.patroni_operator(host), access.haproxy_stats(host), access.app(host), access.sql_node(host)
    catalogue.usual(access)


@few(400)
@given(key=st.sampled_from(KEYS), value=VALUES)
def test_any_value_of_a_key(hosts, key, value):
    """On one host, or on all of them."""
    for changed in (1, len(hosts)):
        given_hosts = [host.data | {key: value} if n < changed else host.data for n, host in enumerate(hosts)]
        made = tuple(
            replace(host, data=with_defaults(data, DEFAULTS), address=data.get("ssh_hostname", host.name))
            for host, data in zip(hosts, given_hosts, strict=True)
        )
        try:
            check(PATH, made)
            used(Inventory(PATH, made))
        except InventoryProblem as problem:
            assert "\n" not in str(problem) and "\x1b" not in str(problem)


@few(60)
@given(name=st.text(max_size=70))
def test_any_name_of_a_host(hosts, name):
    try:
        check(PATH, (replace(hosts[0], name=name), *hosts[1:]))
    except InventoryProblem as problem:
        assert str(problem)
    else:
        assert name.isascii() and not set(name) & set("/ \\'\"$;&|`\n")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("chaos_allowed", "False", "has the chaos_allowed 'False'"),
        ("ssh_port", "22", "give it a port from 1 to 65535"),
        ("ports", {"postgres": 0}, "a dictionary of names, each with a port"),
        ("cluster", "../../x", "letters, digits, dots"),
        ("units", {"patroni": "x; reboot"}, "the name of a systemd unit"),
        ("vip", "10.0.0.1; reboot", "an address or a DNS name"),
        ("profile", "fats", "unknown profile 'fats'"),
        ("virtual_router_id", 256, "a number from 1 to 255"),
        ("unobserved", "proxy", "a list"),
        ("data_disk", {"path": "/srv /x", "gib": 4}, "a dictionary such as"),
        ("data_disk", {"path": "/srv"}, "a dictionary such as"),
        ("data_disk", "/srv", "data_disk"),
    ],
)
def test_a_wrong_value_is_refused_by_name(hosts, key, value, words):
    data = with_defaults(hosts[0].data | {key: value}, DEFAULTS)
    with pytest.raises(InventoryProblem) as raised:
        check(PATH, (replace(hosts[0], data=data), *hosts[1:]))
    assert words in str(raised.value)


def test_every_key_with_a_default_has_a_kind():
    """Those of a monitoring are in monitoring_values.py."""
    assert DEFAULTS.keys() - {"monitoring"} <= values.KINDS.keys()

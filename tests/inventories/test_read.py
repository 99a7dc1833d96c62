"""An inventory is read as pyinfra reads it, and one that cannot make a cluster is refused in one line."""

import pytest

from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import read
from tests.labs import ROOT

GOOD = """
etcd = [("e1", {"ssh_hostname": "10.1.0.1"})]
postgres = [("d1", {"ssh_hostname": "10.1.0.2"})]
_helper = ["not a role"]
"""


def test_the_lab_has_ten_hosts_in_four_roles():
    lab = read(ROOT / "inventories/lab.py")
    assert " ".join(host.name for host in lab.hosts) == "etcd1 etcd2 etcd3 db1 db2 db3 lb1 lb2 app1 app2"
    assert lab["db1"].roles == ("postgres",)
    assert lab["db1"].data["profiles"]["fast"]["ttl"] == 20


def test_a_host_may_have_several_roles():
    assert read(ROOT / "inventories/compact.py")["lb1"].roles == ("etcd", "proxy", "app")


def test_helpers_are_no_roles(inventory_file):
    assert len(read(inventory_file(GOOD)).hosts) == 2


@pytest.mark.parametrize(
    ("text", "cause", "remedy"),
    [
        (GOOD.replace("10.1.0.2", "10.1.0.1"), "e1, d1 .* share the address 10.1.0.1", "give each host its own"),
        (GOOD + 'all = etcd + postgres + ["stray"]', "stray .* has no role", "add it to one of"),
        (GOOD + 'cache = [("c1", {})]', "c1 .* the unknown role 'cache'", "the roles are etcd, postgres"),
        (
            GOOD + 'etcd += [("e2", {"ssh_hostname": "10.1.0.3"})]',
            r"2 etcd members \(e1, e2\)",
            "make it an odd number",
        ),
        ("", "names no hosts", "add them to groups"),
        (GOOD + "1 / 0", "cannot be read .*ZeroDivisionError", "mend the file"),
        (
            GOOD + 'all = (etcd + postgres, {"vip": "10.1.0.2"})',
            "the floating address 10.1.0.2 .* is a host's too",
            "choose a free one",
        ),
        (
            GOOD + 'all = (etcd + postgres, {"lab": {"name": "x", "bridge": "x", "address": "10.2.0.1/24"}})',
            "e1 .* 10.1.0.1, which is not a free one of 10.2.0.0/24",
            "take an address",
        ),
    ],
)
def test_bad_inventories_are_refused(inventory_file, text, cause, remedy):
    with pytest.raises(InventoryProblem, match=cause) as refused:
        read(inventory_file(text))
    assert remedy in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InventoryProblem, match="no inventory file"):
        read(tmp_path / "none.py")


@pytest.mark.parametrize("words", [("lab", "up"), ("faults", "status"), ("experiments", "run", "leader_power_cut")])
def test_every_command_says_so_in_one_line_and_exits_2(command, inventory_file, words):
    name, *rest = words
    done = command(name, "-i", inventory_file(GOOD.replace("10.1.0.2", "10.1.0.1")), *rest)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "share the address 10.1.0.1" in done.stderr

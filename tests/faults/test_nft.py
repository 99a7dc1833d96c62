"""The faults of the firewall where there is no iptables: nftables itself."""

import pytest

from firedrill.faults import doctor, ledger
from firedrill.faults.network import firewall
from firedrill.faults.protocol import Target
from tests.faults.conftest import journals, until
from tests.faults.test_bites_and_heals import ETCD1, KNOCK, PING

pytestmark = pytest.mark.lab("net")
HOST = ETCD1
AWAY = "cd /usr/sbin && for one in ip*tables*; do mv $one away-$one; done"
BACK = "cd /usr/sbin && for one in away-*; do mv $one ${one#away-}; done"
# What shows it from db2, sick and well.
CASES = (
    ("partition", {}, PING.format(address=HOST), "silence", "heard"),
    ("partition", {"shape": "one_way"}, PING.format(address=HOST), "silence", "heard"),
    ("drop", {"peers": "etcd2", "ports": "7777"}, KNOCK.format(address=HOST, port=7777), "2", "0"),
    ("reject", {"peers": "etcd2", "ports": "7777"}, KNOCK.format(address=HOST, port=7777), "1", "0"),
    ("reject", {"peers": "etcd2"}, KNOCK.format(address=HOST, port=7777), "1", "0"),
    ("dns", {}, "true", "", ""),
    ("dns", {"how": "reject"}, "true", "", ""),
    ("loss", {"percent": 40, "by": "firewall"}, "true", "", ""),
)


@pytest.fixture(scope="module", autouse=True)
def without_iptables(on):
    """On etcd1."""
    on("etcd1", AWAY, check=True)
    yield
    on("etcd1", BACK, check=True)


def test_the_doctor_tells_which(ways):
    assert doctor.firewalls(ways) == {"etcd1": "nft", "etcd2": "iptables", "etcd3": "iptables"}
    assert doctor.check_up(ways)["etcd1"]["partition"].reason is None


@pytest.mark.parametrize(("name", "given", "look", "sick", "well"), CASES)
def test_it_bites_and_heals(inject, heal, told, on, name, given, look, sick, well):
    on("etcd1", "nft add table ip theirs; nft add chain ip theirs x; nft add rule ip theirs x tcp dport 7 drop")
    before = on("etcd1", "nft list ruleset")
    assert on("etcd2", look) == well
    entries = inject(name, "etcd1", **given)
    assert f"table ip fd{entries[0].id}" in on("etcd1", "nft list tables")
    assert on("etcd2", look) == sick
    heal(entries)
    assert on("etcd2", look) == well
    assert "all as before" in told.of("clean")[0]
    assert on("etcd1", "nft list ruleset") == before
    assert journals(on, "etcd1") == ""
    on("etcd1", "nft delete table ip theirs")


def test_two_live_together(inject, heal, told):
    first = inject("drop", "etcd1", peers="etcd2", ports="7777")
    second = inject("dns", "etcd1")
    heal(first)
    heal(second)
    assert len(told.of("clean")) == 2


def test_it_heals_by_itself_when_its_controller_is_killed(controller, on, ways, heal):
    child = controller(["dns", {}, "etcd1", 20], ["partition", {}, "etcd1", 20])
    line = ""
    for line in child.stdout:
        if line == "done\n":
            break
    child.kill()
    assert line == "done\n"
    assert on("etcd2", PING.format(address=HOST)) == "silence"
    until(lambda: journals(on, "etcd1") == "", 30)
    assert on("etcd2", PING.format(address=HOST)) == "heard"
    left = ledger.entries(ways.inventory)
    assert len(left) == 2
    heal(left)


def test_rules_name_both_families(ways):
    """An address of IPv6 goes into a table of its own family."""
    host = ways.inventory["etcd1"]
    target = Target("0badcafe", "etcd1", host, ways, 9, before={"firewall": "nft"})
    text = firewall.inject_text(target, [firewall.Cut(("192.0.2.1", "2001:db8::1"), "drop")])
    assert "table ip fd0badcafe" in text and "ip saddr 192.0.2.1 counter drop" in text
    assert "table ip6 fd0badcafe" in text and "ip6 daddr 2001:db8::1 counter drop" in text

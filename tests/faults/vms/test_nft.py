"""The faults of the firewall where there is no iptables: nftables itself, on Debian's user-mode Linux."""

import pytest

from faults import doctor, firewall, ledger
from faults.protocol import Target
from tests.faults.conftest import journals, until
from tests.faults.test_bites_and_heals import KNOCK, PING
from tests.faults.vms.conftest import SUBNET

pytestmark = pytest.mark.lab
DB1 = f"{SUBNET}.21"
# What shows it from db2, sick and well.
CASES = (
    ("partition", {}, PING.format(address=DB1), "silence", "heard"),
    ("partition", {"shape": "one_way"}, PING.format(address=DB1), "silence", "heard"),
    ("drop", {"peers": "db2", "ports": "7777"}, KNOCK.format(address=DB1, port=7777), "2", "0"),
    ("reject", {"peers": "db2", "ports": "7777"}, KNOCK.format(address=DB1, port=7777), "1", "0"),
    ("reject", {"peers": "db2"}, KNOCK.format(address=DB1, port=7777), "1", "0"),
    ("dns", {}, "true", "", ""),
    ("dns", {"how": "reject"}, "true", "", ""),
    ("loss", {"percent": 40, "by": "firewall"}, "true", "", ""),
)


def test_here_it_is_nft(ways, on):
    assert doctor.firewalls(ways) == {"db1": "nft", "db2": "nft"}
    assert doctor.check_up(ways)["db1"]["partition"] is None


@pytest.mark.parametrize(("name", "given", "look", "sick", "well"), CASES)
def test_it_bites_and_heals(inject, heal, told, on, name, given, look, sick, well):
    on("db1", "nft add table ip theirs; nft add chain ip theirs x; nft add rule ip theirs x tcp dport 7 drop")
    before = on("db1", "nft list ruleset")
    assert on("db2", look) == well
    entries = inject(name, "db1", **given)
    assert f"table ip fd{entries[0].id}" in on("db1", "nft list tables")
    assert on("db2", look) == sick
    heal(entries)
    assert on("db2", look) == well
    assert "all as before" in told.of("clean")[0]
    assert on("db1", "nft list ruleset") == before
    assert journals(on, "db1") == ""
    on("db1", "nft delete table ip theirs")


def test_two_live_together(inject, heal, told):
    first = inject("drop", "db1", peers="db2", ports="7777")
    second = inject("dns", "db1")
    heal(first)
    heal(second)
    assert len(told.of("clean")) == 2


def test_it_heals_by_itself_when_its_controller_is_killed(controller, on, ways, heal):
    child = controller(["partition", {}, "db1", 5], ["dns", {}, "db1", 5])
    for line in child.stdout:
        if line == "done\n":
            break
    child.kill()
    assert on("db2", PING.format(address=DB1)) == "silence"
    until(lambda: journals(on, "db1") == "", 15)
    assert on("db2", PING.format(address=DB1)) == "heard"
    left = ledger.entries(ways.inventory)
    assert len(left) == 2
    heal(left)


def test_rules_name_both_families(ways):
    """An address of IPv6 goes into a table of its own family."""
    host = ways.inventory["db1"]
    target = Target("0badcafe", "db1", host, ways, 9, before={"firewall": "nft"})
    text = firewall.harm_text(target, [firewall.Cut(("192.0.2.1", "2001:db8::1"), "drop")])
    assert "table ip fd0badcafe" in text and "ip saddr 192.0.2.1 counter drop" in text
    assert "table ip6 fd0badcafe" in text and "ip6 daddr 2001:db8::1 counter drop" in text

"""Others change a host while a fault is active: a note, unless it is what the fault touches that is gone."""

import pytest

from firedrill.faults import healing, ledger
from firedrill.faults.protocol import NotClean
from tests.faults.conftest import journals

pytestmark = pytest.mark.lab("net")
CUT = {"peers": "etcd2", "ports": "7777"}
THEIRS = "iptables -A INPUT -s 192.0.2.9 -j DROP"


def test_a_chain_and_a_failed_unit_of_others_are_a_note(inject, heal, told, on):
    entries = inject("drop", **CUT)
    on(
        "etcd1",
        "iptables -N f2b-sshd; iptables -I INPUT -j f2b-sshd; systemd-run --quiet --unit=unrelated false; sleep 1",
    )
    try:
        heal(entries)
        clean = told.of("clean")[0]
        assert "all as before; changed meanwhile, not by this fault: firewall: " in clean
        assert "f2b-sshd` is new" in clean
        assert "failed: `unrelated.service` is new" in clean
    finally:
        on("etcd1", "iptables -D INPUT -j f2b-sshd; iptables -X f2b-sshd; systemctl reset-failed unrelated")


def test_a_rule_of_others_that_is_gone_is_not_clean_until_it_is_back(inject, heal, ways, on):
    on("etcd1", THEIRS)
    entries = inject("drop", **CUT)
    on("etcd1", THEIRS.replace("-A", "-D"))
    try:
        with pytest.raises(NotClean, match=r"-s 192.0.2.9/32 -j DROP` is gone"):
            heal(entries)
        assert [entry.id for entry in ledger.entries(ways.inventory)] == [entries[0].id]
        on("etcd1", THEIRS)
        heal(entries)
    finally:
        on("etcd1", THEIRS.replace("-A", "-D"))


def test_an_operator_can_accept_that_a_rule_of_others_is_gone(inject, ways, told, on):
    on("etcd1", THEIRS)
    entries = inject("drop", **CUT)
    on("etcd1", THEIRS.replace("-A", "-D"))
    found = healing.named(ways, {entries[0].id}, told, print, accept=True)
    assert (found.problems, ledger.entries(ways.inventory), journals(on, "etcd1")) == ([], [], "")
    assert "is gone" in told.of("not_clean")[0]
    assert "FD-" not in on("etcd1", "iptables -S")


def test_a_rule_of_ours_that_is_left_over_is_not_clean(inject, heal, on):
    entries = inject("drop", **CUT)
    left = f"iptables -t mangle -{{}} FD-{entries[0].id}-left"
    on("etcd1", left.format("N"))
    with pytest.raises(NotClean, match=f"FD-{entries[0].id}-left .* is left behind"):
        heal(entries)
    on("etcd1", left.format("X"))
    heal(entries)


def test_what_a_freeze_does_not_touch_cannot_make_it_not_clean(inject, heal, told, on):
    on("etcd1", THEIRS)
    entries = inject("freeze", process="greeter.service")
    on("etcd1", THEIRS.replace("-A", "-D"))
    heal(entries)
    assert "-j DROP` is gone" in told.of("clean")[0]

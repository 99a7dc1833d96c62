"""Only what a fault touches is compared, and there only what is gone, in another order, or left behind by us."""

import pytest

from firedrill.cluster import clock
from firedrill.faults import state
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.on_host import OnHost
from firedrill.inventories.errors import Problem
from tests.machine import SECOND, installed

BEFORE = {
    "qdiscs": ["qdisc pfifo 8001: dev eth0 root limit 77p"],
    "filters": [],
    "links": [],
    "firewall": ["iptables filter -A INPUT -j A", "iptables filter -A INPUT -j B", "iptables filter -A INPUT -j A"],
    "nftables": [],
    "failed": ["old.service"],
    "stopped": [],
    "ntp": ["chrony"],
    "clock": ["0.010"],
    "machine": ["m"],
}


def compare(touches=state.FIREWALL, identity="0badcafe", **changed) -> state.Changes:
    return state.differences(BEFORE, BEFORE | changed, touches, identity)


def test_what_others_add_is_a_note():
    found = compare(
        firewall=["iptables filter -N f2b", *BEFORE["firewall"]],
        failed=["old.service", "x.service"],
        stopped=["/proc/7/status"],
    )
    assert found.by_fault == ()
    assert found.note == (
        "changed meanwhile, not by this fault: firewall: `iptables filter -N f2b` is new; "
        "failed: `x.service` is new; stopped: `/proc/7/status` is new"
    )


@pytest.mark.parametrize(
    ("firewall", "words"),
    [
        (BEFORE["firewall"][1:], "firewall: `iptables filter -A INPUT -j A` is gone"),
        ([BEFORE["firewall"][1], BEFORE["firewall"][0], BEFORE["firewall"][2]][::-1][:2], "is gone"),
        (
            [BEFORE["firewall"][1], BEFORE["firewall"][0], BEFORE["firewall"][0]],
            "firewall: the order of the rules differs",
        ),
    ],
)
def test_a_rule_of_others_that_is_gone_or_moved_is_not_clean(firewall, words):
    assert words in compare(firewall=firewall).by_fault[0]


def test_the_same_change_is_a_note_where_the_fault_does_not_touch_it():
    found = compare((), firewall=[], clock=["0.640"], ntp=[])
    assert found.by_fault == ()
    assert {"clock: off by +0.63 s", "ntp: `chrony` is gone"} <= set(found.meanwhile)
    assert compare(state.CLOCK, clock=["0.640"]).by_fault == ("clock: off by +0.63 s",)


def test_what_carries_our_id_is_left_behind_whatever_the_fault_touches():
    mine, other = "iptables :FD-0badcafe-in - [0:0]", "iptables :FD-11111111-in - [0:0]"
    assert compare((), ours=[mine, other]).by_fault == (f"`{mine}` is left behind",)
    root = "qdisc prio fd0d: dev eth0 root bands 12"
    assert compare(state.NETEM, unowned=[root]).by_fault == (f"`{root}` is left behind",)
    assert compare(state.FIREWALL, unowned=[root]).by_fault == ()


def test_a_failed_unit_that_recovered_is_no_difference():
    assert compare((), failed=[]) == state.Changes((), ())


def test_a_record_of_an_older_version_lacks_sections():
    assert state.differences({"failed": []}, BEFORE) == state.Changes((), ("failed: `old.service` is new",))


class Host:
    host = "10.0.0.1"


def test_a_state_that_is_not_complete_is_a_problem_and_what_is_no_section_is_not_one(monkeypatch):
    whole = "noise\n" + "".join(f"@{name}\n" for name in state.SHOWN) + "@else\n"
    monkeypatch.setattr(state, "clock_reading", lambda connection: ["0.0"])
    monkeypatch.setattr(state.ssh, "script", lambda *words, **more: whole)
    assert state.take(Host)["machine"] == []
    monkeypatch.setattr(state.ssh, "script", lambda *words, **more: whole.partition("@firewall")[0])
    with pytest.raises(Problem, match="10.0.0.1: its state cannot be read \\(no firewall\\)"):
        state.take(Host)


@pytest.mark.parametrize("shown", ["", "nan", "1e999", "-1.0", "\x1b[2J1.0"])
def test_a_clock_that_shows_no_time_is_a_problem(monkeypatch, shown):
    monkeypatch.setattr(state.ssh, "sh", lambda *words: shown)
    with pytest.raises(Problem, match="10.0.0.1: `date` prints .*, wanted a time"):
        state.clock_offset(Host)


def test_elements_of_sets_are_not_compared():
    text = "table inet f2b {\n\tset banned {\n\t\telements = { 192.0.2.1,\n\t\t\t     192.0.2.2 }\n\t}\n}"
    lines = text.splitlines()
    assert "192.0.2" not in "".join(state._nftables(lines, set()))
    assert list(state._nftables(lines, set()))[-2:] == ["\t}", "}"]


def test_every_fault_on_a_host_touches_known_sections():
    kinds = [kind for kind in FAULTS.values() if issubclass(kind, OnHost)]
    assert kinds
    assert all(set(kind.touches) <= set(state.SECTIONS) for kind in kinds)
    assert "firewall" in FAULTS["partition"].touches
    assert not {"clock", "failed"} & set(FAULTS["freeze"].touches)


@pytest.mark.parametrize(
    "host_s, ours_s, moved",
    [(0, 0, 0), (0, 2, 0), (0, -90, 0), (2, 2, 0), (3600, 0, 3600), (-30, 2, -30)],
    ids=["neither", "ours forward", "ours back", "one clock, of a local host", "the host's", "both apart"],
)
def test_a_step_of_our_own_clock_is_none_of_the_host(monkeypatch, host_s, ours_s, moved):
    machine, ahead = installed(monkeypatch), 5.0
    monkeypatch.setattr(state.ssh, "sh", lambda *_, **__: str(true_time() + ahead))

    def true_time() -> float:
        return (machine.boot + 1_790_000_000 * SECOND) / SECOND

    was = state.clock_reading(None)
    machine.pass_time(20 * SECOND)
    machine.step(round(ours_s * SECOND))
    ahead += host_s
    clock.begin()  # another process heals
    found = state.clock_moved(was, state.clock_reading(None))
    assert found == pytest.approx(moved, abs=0.01)


def test_a_record_of_another_boot_is_compared_by_the_wall_clock(monkeypatch):
    assert state.clock_moved(["0.0", "100.0", "one boot"], ["0.1", "90000.0", "another"]) == pytest.approx(0.1)
    assert state.clock_moved(["0.0"], ["0.1", "90000.0", "another"]) == pytest.approx(0.1), "of an older version"


def test_rules_of_the_fence_come_and_go_and_are_no_difference():
    table = ["table ip firedrill_fence {", "\tset refused {", "\t\ttype ipv4_addr", "\t}", "}"]
    other = ["table ip theirs {", "\tchain c {", "\t}", "}"]
    assert list(state._nftables([*table, *other], set())) == other

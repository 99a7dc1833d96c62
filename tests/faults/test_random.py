"""Random sequences of faults on three hosts, with fixed seeds: injected, healed in any order; all clean at the end."""

import os
import random
from dataclasses import dataclass
from typing import Any

import pytest

from firedrill.faults import ledger, state
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import NotEffective, Refused
from tests.faults.conftest import HOSTS, journals, login
from tests.tally import DIRTY, SEQUENCE

pytestmark = pytest.mark.lab("net")
SEEDS = (1, 2, 3)
SOAK_SEEDS = range(4, 204)
# The many of `make soak` are short, so that all fit in its time. To find the step that breaks one, run a prefix of it.
STEPS, SHORT = (int(os.environ.get("FIREDRILL_RANDOM_STEPS", default)) for default in ("30", "12"))
LIMIT_S = 300
MENU = (
    ("drop", {"peers": "etcd2,etcd3", "ports": "2380"}),
    ("partition", {}),
    ("partition", {"shape": "one_way"}),
    ("reject", {"ports": "2379"}),
    ("dns", {}),
    ("loss", {"percent": 40, "by": "firewall"}),
    ("freeze", {"process": "etcd"}),
    ("stop_service", {"process": "greeter.service"}),
    ("kill", {"process": "greeter.service"}),
    ("fd_exhaust", {"process": "greeter.service"}),
    ("cpu", {"cores": 1, "percent": 20}),
    ("memory", {"mib": 64}),
    ("disk_full", {}),
    ("crash_loop", {"process": "greeter.service", "every_s": 1}),
)
CUTS = ("drop", "partition", "loss")
NEED_IT_ALIVE = ("kill", "fd_exhaust", "crash_loop")
THEIRS = """\
iptables -N THEIRS; iptables -A THEIRS -s 192.0.2.7 -j DROP; iptables -A INPUT -j THEIRS
ip6tables -A INPUT -s 2001:db8::7 -j DROP
nft add table inet theirs; nft add chain inet theirs x; nft add rule inet theirs x tcp dport 7 drop
tc qdisc add dev host0 root handle 8001: pfifo limit 77
"""
# Without counters, and without open, empty chains: iptables makes those it needs and leaves them.
LOOK = "iptables-save | grep ^-; ip6tables-save | grep ^-; nft -s list table inet theirs; tc qdisc show"
AWAY = """\
iptables -D INPUT -j THEIRS; iptables -F THEIRS; iptables -X THEIRS; ip6tables -D INPUT -s 2001:db8::7 -j DROP
nft delete table inet theirs; tc qdisc del dev host0 root
"""


@pytest.fixture(scope="module", autouse=True)
def what_others_have(on):
    """Rules and a qdisc of others: after all of it they are there, byte for byte."""
    before = {host: on(host, f"{THEIRS}{LOOK}") for host in HOSTS}
    assert all("THEIRS" in shown and "8001:" in shown and "dport 7" in shown for shown in before.values())
    yield
    assert {host: on(host, LOOK) for host in HOSTS} == before
    for host in HOSTS:
        on(host, AWAY)


@dataclass(frozen=True)
class Step:
    """One step of a sequence: heal an active fault, or else inject this one."""

    heal: bool
    which: float
    fault: str
    options: dict[str, Any]
    host: str


def sequence(seed: int, length: int) -> list[Step]:
    """The same for a seed, whatever comes of its steps; a shorter one is the beginning of a longer one."""
    dice = random.Random(seed)
    return [Step(dice.random() < 0.5, dice.random(), *dice.choice(MENU), dice.choice(HOSTS)) for _ in range(length)]


def test_a_sequence_is_the_same_for_a_seed_and_a_prefix_of_a_longer_one():
    assert sequence(1, 20) == sequence(1, 30)[:20] != sequence(2, 20)


@pytest.mark.parametrize("seed", [*SEEDS, *(pytest.param(seed, marks=pytest.mark.soak) for seed in SOAK_SEEDS)])
def test_a_random_sequence_leaves_every_host_clean(inject, heal, ways, told, seed, record_property):
    before = {name: _state(ways, name) for name in HOSTS}
    record_property(SEQUENCE, seed)
    active, late = [], 0
    for number, step in enumerate(sequence(seed, STEPS if seed in SEEDS else SHORT), 1):
        print(f"seed {seed}, step {number}: {step}")
        if active and step.heal:
            heal([active.pop(int(step.which * len(active)))])
            continue
        try:
            active += inject(step.fault, step.host, limit_s=LIMIT_S, **step.options)
        except Refused as problem:
            # What one has stopped, another cannot. What dies while it is struck was armed already, and is healed.
            if "the injection failed" in str(problem):
                assert dies(step, active), problem
                late += 1
        except NotEffective:
            # From peers that say nothing, for another fault, there is nothing to drop; what another kills again and
            # again has no process, or another one, by the time it is looked at: it is told, and healed.
            silent = step.fault in CUTS and any(entry.fault in CUTS and entry.host != step.host for entry in active)
            assert silent or dies(step, active), told[-1]
            assert {entry.id for entry in ledger.entries(ways.inventory)} == {entry.id for entry in active}
    random.Random(seed).shuffle(active)
    heal(active)
    assert ledger.entries(ways.inventory) == []
    assert len(told.of("effective")) + len(told.of("not_effective")) + late == len(told.of("clean")) > 2
    assert len(told.of("effective")) > len(told.of("not_effective"))
    dirty = {host: found for host in HOSTS if (found := _left(ways, host, before[host]))}
    record_property(DIRTY, len(dirty))
    assert not dirty


def dies(step: Step, active: list[Entry]) -> bool:
    """Whether the process that this fault takes is one that another, active there, kills every second."""
    kills = [entry for entry in active if entry.fault == "crash_loop" and entry.host == step.host]
    return step.fault in NEED_IT_ALIVE and kills != []


def _left(ways, name: str, before: state.State) -> tuple[str, ...]:
    """What differs from before."""
    with login(ways.inventory[name]) as connection:
        found = state.settle(before, connection)
    return (*found.by_fault, *found.meanwhile)


def _state(ways, name: str) -> state.State:
    with login(ways.inventory[name]) as connection:
        return state.take(connection)


def test_nothing_is_left_behind(on):
    for host in HOSTS:
        assert journals(on, host) == ""
        assert "FD-" not in on(host, "iptables -S; ip6tables -S")
        assert "faults" not in on(host, "ls /etc/systemd/system /etc/systemd/system/multi-user.target.wants")

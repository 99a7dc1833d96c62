"""A switchover as a fault: momentary, proven, nothing to heal. On a database in memory; drills do it on real hosts."""

from dataclasses import replace

import pytest

from firedrill import package
from firedrill.cluster.system import REPLICA, Member, View
from firedrill.cluster.systems import SYSTEMS
from firedrill.faults import connections, engine, ledger
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.cluster import switchover
from firedrill.faults.protocol import NotClean, NotEffective, Refused
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.cluster.memory import Memory
from tests.faults.conftest import Told


@pytest.fixture
def memory(monkeypatch) -> Memory:
    found = Memory()
    monkeypatch.setitem(SYSTEMS, "memory", found)
    monkeypatch.setattr(switchover, "SECONDS", 0.1)
    return found


@pytest.fixture
def ways(memory, monkeypatch) -> Access:
    """The lab's inventory with the system in memory; its hosts answer."""
    inventory = read(package.file("inventories/lab.py"))
    hosts = tuple(replace(host, data=host.data | {"system": "memory"}) for host in inventory.hosts)
    monkeypatch.setattr(connections.ssh, "answers", lambda *_: True)
    monkeypatch.setattr(connections.ssh, "connect", lambda host: Closed())
    found = Access(replace(inventory, hosts=hosts), Secrets())
    yield found
    for entry in ledger.entries(found.inventory):
        ledger.remove(found.inventory, entry.id)


class Closed:
    def close(self) -> None:
        pass


@pytest.fixture
def inject(ways, told):
    def run(name: str, spec: str = "leader", **given):
        plan = engine.plan(FAULTS[name](**given), spec, ways, max_hosts=2, allow_quorum_loss=True)
        return engine.inject(plan, ways, told)

    return run


@pytest.fixture
def told() -> Told:
    return Told()


def test_another_member_leads_and_nothing_is_left(inject, told, ways):
    assert inject("switchover") == []
    assert [phase for _, _, phase, _ in told] == ["inject", "effective", "heal", "clean"]
    assert "db2 leads (epoch view-7), db1 is replica" in told.of("effective")[0]
    assert "nothing to heal" in told.of("clean")[0]
    assert ledger.entries(ways.inventory) == []


def test_the_new_leader_may_be_named(inject, memory, monkeypatch):
    asked = []
    there = memory.switchover
    monkeypatch.setattr(memory, "switchover", lambda *words: asked.append(words[2]) or there(*words))
    inject("switchover", to="db2")
    assert asked == ["db2"]


def test_what_a_killed_controller_left_is_healed(inject, told, ways, monkeypatch):
    """Its entry in the ledger, whatever became of the request."""

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(switchover.Switchover, "prove", killed)
        patch.setattr(engine, "_heal_each", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            inject("switchover")
    (entry,) = ledger.entries(ways.inventory)
    engine.heal(entry, ways, told)
    assert told.of("clean") == [
        "nothing to heal: db2 leads (epoch view-7), db1 is replica (ONLINE); memoryd serves again"
    ]
    assert ledger.entries(ways.inventory) == []


@pytest.mark.parametrize(("spec", "given", "said"), [
    ("db2", {}, "db2 does not lead, db1 does"),
    ("db1,db2", {}, "2 hosts are to hand over"),
    ("leader", {"to": "db1"}, "db1 is not a healthy standby of db1"),
    ("leader", {"to": "lb1"}, "lb1 is not a healthy standby of db1"),
])  # fmt: skip
def test_it_is_refused(inject, told, spec, given, said):
    with pytest.raises(Refused, match=said):
        inject("switchover", spec, **given)
    assert told == []


def test_a_leader_without_a_healthy_standby_is_refused(inject, memory, monkeypatch, ways):
    view = memory.view(ways)
    ill = View(tuple(replace(one, healthy=one.role != REPLICA) for one in view.members))
    monkeypatch.setattr(memory, "view", lambda _: ill)
    with pytest.raises(Refused, match="no member is a healthy standby of db1"):
        inject("switchover")


def test_a_switchover_that_the_cluster_refuses_leaves_nothing(inject, memory, monkeypatch, told, ways):
    def refused(*_):
        raise Problem("db1: /switchover was refused (412)", "")

    monkeypatch.setattr(memory, "switchover", refused)
    with pytest.raises(Problem, match="412"):
        inject("switchover")
    assert told.of("effective") == []
    assert ledger.entries(ways.inventory) == []


def test_a_leader_that_still_leads_is_no_switchover(inject, memory, monkeypatch, told):
    monkeypatch.setattr(memory, "switchover", lambda *_: None)
    with pytest.raises(NotEffective, match="db1 leads"):
        inject("switchover")
    assert told.of("not_effective")


def test_an_old_leader_that_does_not_follow_is_not_clean(inject, memory, monkeypatch, ways, told):
    def stuck(access):
        view = there(access)
        old = [
            Member(one.name, one.role, "stopped", healthy=False) if one.name == "db1" else one for one in view.members
        ]
        return View(tuple(old)) if view.leader.name == "db2" else view

    there = memory.view
    monkeypatch.setattr(memory, "view", stuck)
    with pytest.raises(NotClean, match=r"db1 is replica \(stopped\), wanted db1 to be healthy"):
        inject("switchover")
    assert len(ledger.entries(ways.inventory)) == 1

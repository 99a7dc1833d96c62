"""Who feels an experiment: the weather's users, or where there is no app those of an event log."""

from dataclasses import replace

import pytest

from firedrill.experiments.catalogue import EXPERIMENTS
from firedrill.experiments.lookup import find
from firedrill.experiments.model import EVENT_LOG, EVENTS, Load
from firedrill.experiments.run import fit
from firedrill.experiments.steps import Inject
from firedrill.faults.protocol import Refused
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.labs import ROOT

THEIRS = """
postgres = [("a", {"ssh_hostname": "192.0.2.1"}), ("b", {"ssh_hostname": "192.0.2.2"})]
all = (postgres, {"foreign": True, "cluster": "orders"})
"""


@pytest.fixture
def theirs(tmp_path) -> Access:
    file = tmp_path / "theirs.py"
    file.write_text(THEIRS)
    return Access(read(file), Secrets())


def test_without_the_app_as_much_is_read_and_written_as_with_it(theirs):
    drill = find("leader_power_cut")
    asked = fit.within(drill, theirs)
    assert asked.load == Load(file=EVENT_LOG, rates=EVENTS, timeout_s=drill.load.timeout_s)
    assert replace(asked, load=drill.load) == drill, "nothing else is asked less"


def test_each_request_a_second_has_its_statement(theirs):
    drill = replace(find("leader_power_cut"), load=Load(rates={"GET /cities": 3, "POST /forecasts": 7}, timeout_s=9))
    assert fit.within(drill, theirs).load == Load(file=EVENT_LOG, rates={"SELECT": 3, "INSERT": 7}, timeout_s=9)


@pytest.mark.parametrize("load", [Load(rates={}), Load(file=EVENT_LOG, rates={"INSERT": 1})])
def test_a_load_that_needs_no_app_is_left_as_it_is(theirs, load):
    drill = replace(find("leader_power_cut"), load=load)
    assert fit.within(drill, theirs) == drill


def test_with_the_app_nothing_changes():
    lab = Access(read(ROOT / "inventories/lab.py"), Secrets())
    assert [fit.within(it, lab) for it in EXPERIMENTS.values()] == list(EXPERIMENTS.values())


def test_a_backend_carries_out_every_fault_of_a_drill():
    drill = fit.by_backend(find("corrupt_sync_standby"), "chaosblade")
    assert "inject corrupt --percent 50 --peers leader --backend chaosblade on sync_standby" in map(str, drill.steps)
    assert drill.backend == "chaosblade"
    assert drill.expectations == find("corrupt_sync_standby").expectations


@pytest.mark.parametrize(("name", "backend", "why"), [
    ("split_brain_leader_isolated", "chaosblade", "partition is carried out by its own means only"),
    ("corrupt_sync_standby", "own", "corrupt is carried out by tc or chaosblade only"),
    ("switchover", "chaosblade", "cannot run by chaosblade: "),
    ("etcd_slow_disk", "chaosblade", "disk_io is carried out by own only"),
])  # fmt: skip
def test_a_fault_that_a_backend_cannot_do_is_named_before_the_run(name, backend, why):
    with pytest.raises(Refused, match=f"{name} cannot run by {backend}: .*{why}|{why}"):
        fit.by_backend(find(name), backend)


def test_options_that_a_backend_does_not_take_are_named_before_the_run():
    drill = find("corrupt_sync_standby")
    turned = [
        replace(step, fault=replace(step.fault, direction="in")) if isinstance(step, Inject) else step
        for step in drill.steps
    ]
    with pytest.raises(Refused, match="corrupt: chaosblade affects outgoing packets only"):
        fit.by_backend(replace(drill, steps=tuple(turned)), "chaosblade")

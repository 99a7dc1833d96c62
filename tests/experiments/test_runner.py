"""The runner's own bookkeeping, without a cluster."""

import time
from collections.abc import Iterator

import pytest

from experiments import runner
from experiments.catalogue import EXPERIMENTS, find
from experiments.model import Inject, Switchover, UntilSinceFault
from faults.ledger import Entry
from inventories.access import Access
from inventories.errors import Problem
from inventories.read import ROOT, read
from inventories.secrets import Secrets

SECOND = 1_000_000_000


@pytest.fixture
def run(tmp_path) -> Iterator[runner.Run]:
    lab = Access(read(ROOT / "inventories/lab.py"), Secrets())
    made = runner.Run(find("etcd_two_down"), lab, seed=1, folder=tmp_path, tell=print)
    yield made
    made.write.close()


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    found = []
    monkeypatch.setattr(runner.time, "sleep", found.append)
    return found


def struck(run, ago_s: float) -> None:
    entry = Entry("f1", "freeze", {}, "etcd1", "etcd1", "inventories/lab.py", 0, 0, {})
    run._record(entry, "inject", "kill -STOP", time.time_ns() - round(ago_s * SECOND))


def test_a_step_that_counts_from_the_first_fault_takes_its_proof_into_account(run, slept):
    struck(run, 4)
    struck(run, 1)
    run._step(UntilSinceFault(14))
    (waited,) = slept
    assert 0 < waited <= 10


def test_a_moment_that_is_over_is_not_waited_for(run, slept):
    struck(run, 15)
    run._step(UntilSinceFault(14))
    assert slept == [0]


def test_without_a_fault_there_is_nothing_to_count_from(run):
    with pytest.raises(Problem, match="no fault was injected yet"):
        run._step(UntilSinceFault(14))


def test_no_drill_counts_from_a_fault_before_there_is_one():
    for it in EXPERIMENTS.values():
        kinds = [type(step) for step in it.steps]
        if UntilSinceFault in kinds:
            assert {Inject, Switchover} & set(kinds[: kinds.index(UntilSinceFault)]), it.name

"""The runner's own bookkeeping, without a cluster."""

import time
from collections.abc import Iterator

import pytest

from firedrill.experiments import steps
from firedrill.experiments.catalogue import EXPERIMENTS
from firedrill.experiments.lookup import find
from firedrill.experiments.model import Bound
from firedrill.experiments.run import runner
from firedrill.experiments.steps import Inject, Switchover, UntilAfterFault
from firedrill.faults.ledger import Entry
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.labs import ROOT

SECOND = 1_000_000_000


@pytest.fixture
def run(tmp_path) -> Iterator[runner.Run]:
    lab = Access(read(ROOT / "inventories/lab.py"), Secrets())
    made = runner.Run(find("etcd_two_down"), lab, seed=1, folder=tmp_path, tell=print)
    yield made
    made.context.writer.close()


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    found = []
    monkeypatch.setattr(steps.time, "sleep", found.append)
    return found


def struck(run, ago_s: float) -> None:
    entry = Entry("f1", "freeze", {}, "etcd1", "etcd1", "inventories/lab.py", 0, 0, {})
    run.context.record_fault(entry, "inject", "kill -STOP", time.time_ns() - round(ago_s * SECOND))


def test_a_step_that_counts_from_the_first_fault_takes_its_proof_into_account(run, slept):
    struck(run, 4)
    struck(run, 1)
    UntilAfterFault(Bound(seconds=14)).carry_out(run.context)
    (waited,) = slept
    assert 0 < waited <= 10


def test_a_moment_that_is_over_is_not_waited_for(run, slept):
    struck(run, 15)
    UntilAfterFault(Bound(seconds=14)).carry_out(run.context)
    assert slept == [0]


def test_without_a_fault_there_is_nothing_to_count_from(run):
    with pytest.raises(Problem, match="no fault was injected yet"):
        UntilAfterFault(Bound(seconds=14)).carry_out(run.context)


@pytest.mark.parametrize(
    ("profile", "ttl", "healed_s"),
    [
        ({"ttl": 20, "loop_wait": 2, "retry_timeout": 8}, 40, 24),
        ({"ttl": 30, "loop_wait": 10, "retry_timeout": 10}, 52, 36),
    ],
)
def test_the_quorum_comes_back_between_the_last_stop_and_the_end_of_the_lease(run, slept, profile, ttl, healed_s):
    """A primary that just renewed tries for loop_wait + 2 retry_timeout; a lease that old is a loop_wait old."""
    it = run.experiment
    assert it.settings_of(profile) == {"failsafe_mode": False, "ttl": ttl}
    run.context.profile = profile
    struck(run, 0)
    next(step for step in it.steps if isinstance(step, UntilAfterFault)).carry_out(run.context)
    assert healed_s - 1 < slept[0] <= healed_s
    assert profile["loop_wait"] + 2 * profile["retry_timeout"] < healed_s < ttl - profile["loop_wait"]
    assert next(step for step in it.steps if isinstance(step, Inject)).limit_s > healed_s


def test_no_drill_counts_from_a_fault_before_there_is_one():
    for it in EXPERIMENTS.values():
        kinds = [type(step) for step in it.steps]
        if UntilAfterFault in kinds:
            assert {Inject, Switchover} & set(kinds[: kinds.index(UntilAfterFault)]), it.name

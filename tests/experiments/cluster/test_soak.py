"""A thousand failovers under load, before a release: no acknowledged write is lost; never two primaries."""

import pytest

from firedrill.experiments.drills.common import SAFE
from firedrill.experiments.model import Experiment
from firedrill.experiments.steps import Heal, Inject, Switchover, UntilSteady, UntilWrites
from firedrill.faults.power.power_cut import PowerCut
from tests.experiments.cluster.helpers import missed, run

pytestmark = [pytest.mark.lab("soak"), pytest.mark.soak]
RUNS = 50
PLANNED = (Switchover(), UntilWrites(60), UntilSteady(within_s=90))
UNPLANNED = (Inject(PowerCut(), "leader"), UntilWrites(60), Heal(), UntilSteady(within_s=120))
FAILOVERS = Experiment(
    name="failovers",
    title="Twenty failovers in a row",
    question="Does the cluster lose writes when it fails over again and again?",
    hypothesis="No acknowledged write is lost, and there are never two primaries.",
    steps=PLANNED * 19 + UNPLANNED,
    expectations=SAFE,
    cost_s=180,
)


@pytest.mark.parametrize("number", range(RUNS))
def test_failovers_lose_nothing(sound, tmp_path, number):
    verdict, _ = run(sound, FAILOVERS, tmp_path)
    assert missed(verdict) == [], verdict["why"]
    assert verdict["leader_changes"] >= 20

"""What an experiment is made of: durations of the cluster's own timings, and steps in one table."""

import pytest

from firedrill.experiments import steps
from firedrill.experiments.catalogue import EXPERIMENTS
from firedrill.experiments.lookup import find
from firedrill.experiments.model import Bound
from firedrill.inventories.errors import Problem
from tests.labs import ROOT

PROFILE = {"ttl": 20, "loop_wait": 2, "retry_timeout": 8, "synchronous_mode": "on"}


@pytest.mark.parametrize(
    ("bound", "text", "ms"),
    [
        (Bound(4), "4 s", 4000),
        (Bound(), "0 s", 0),
        (Bound(ttl=1), "ttl", 20000),
        (Bound(4, ttl=1), "ttl + 4 s", 24000),
        (Bound(2, retry_timeout=2, loop_wait=1), "2 retry_timeout + loop_wait + 2 s", 20000),
        (Bound(0.5, loop_wait=1.5), "1.5 loop_wait + 0.5 s", 3500),
    ],
)
def test_a_duration_of_the_clusters_timings(bound, text, ms):
    assert (str(bound), bound.ms(PROFILE)) == (text, ms)


@pytest.mark.parametrize("name", ["wsrep_timeout", "synchronous_mode"])
def test_a_timing_that_the_cluster_does_not_have_is_named(name):
    with pytest.raises(Problem, match=f"the cluster has no timing {name}: its timings are ttl, "):
        Bound(4, **{name: 1}).ms(PROFILE)


def test_durations_are_values():
    assert Bound(4, ttl=1) == Bound(seconds=4, ttl=1) != Bound(4, ttl=2)
    assert len({Bound(4, ttl=1, loop_wait=1), Bound(4, loop_wait=1, ttl=1)}) == 1


@pytest.mark.parametrize(("fence", "wanted"), [({}, 24_000), ({"fence": "off"}, 24_000), ({"fence": "power"}, 5_000)])
def test_a_cluster_with_a_fence_is_expected_to_be_faster(fence, wanted):
    (outage, *_) = EXPERIMENTS["leader_power_cut"].expectations
    event = outage.event(PROFILE | {"election": 1, "fence_silence": 1} | fence)
    assert (event["wanted"], "if_coordinator_lost" in event) == (wanted, wanted == 24_000)


def test_every_kind_of_step_is_a_row_a_frozen_value_and_explained():
    defined = {kind for kind in vars(steps).values() if isinstance(kind, type) and hasattr(kind, "carry_out")}
    defined -= {steps.Step}
    assert set(steps.STEPS.values()) == defined
    for name, kind in steps.STEPS.items():
        assert kind.__dataclass_params__.frozen, name
        assert kind.__doc__ and kind.__doc__.splitlines()[0].endswith((".", ":")), name


def test_every_kind_of_step_is_used_and_has_a_text():
    used = [step for it in EXPERIMENTS.values() for step in it.steps]
    assert {type(step) for step in used} == set(steps.STEPS.values())
    for step in used:
        assert str(step)[0].islower() and type(step).__name__ not in str(step)


def test_the_guide_lists_every_kind_of_step_and_its_example_is_complete(tmp_path):
    guide = (ROOT / "docs/writing-an-experiment.md").read_text()
    for name, kind in steps.STEPS.items():
        assert f"| `{name}` | {kind.__doc__.splitlines()[0]} |" in guide, name
    file = tmp_path / "mine.py"
    file.write_text(guide.partition("```python\n")[2].partition("```")[0])
    assert find(str(file)).name == "my_power_cut"

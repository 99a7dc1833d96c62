"""Fenced failover on real hosts: the drills of the fence, and that its agents decided, not the expired lease."""

import pytest

from firedrill.experiments.catalogue import EXPERIMENTS
from tests.experiments.cluster.helpers import missed, run

# Before a release: each drill takes a minute or two, and their times want a quiet machine.
pytestmark = [pytest.mark.lab("fence"), pytest.mark.soak]


def held(ways, name: str, folder) -> dict:
    """The verdict of a drill that met all its expectations, and whose observer saw every agent act."""
    verdict, _ = run(ways, EXPERIMENTS[name], folder)
    assert missed(verdict) == [], verdict["why"]
    assert (verdict["fence"]["agents"], verdict["fence"]["left"]) == (8, 0), verdict["fence"]
    return verdict


def test_a_power_cut_is_decided_by_the_agents_and_loses_nothing(sound, tmp_path):
    verdict = held(sound, "leader_power_cut", tmp_path)
    assert verdict["fence"]["released"] == 1
    assert (verdict["lost"], verdict["dual_primary_ms"], verdict["diverged"]) == (0, 0, 0)
    assert verdict["predicted"]["rto_ms"][1] < 10_000, "the prediction is that of a fenced outage"


def test_a_dead_judge_does_not_matter(sound, tmp_path):
    assert held(sound, "fence_judge_down", tmp_path)["fence"]["released"] == 1


def test_two_dead_judges_leave_it_to_the_lease(sound, tmp_path):
    assert held(sound, "fence_judges_down", tmp_path)["rto_ms"] > 15_000


def test_a_frozen_patroni_is_not_fenced(sound, tmp_path):
    verdict = held(sound, "patroni_frozen", tmp_path)
    assert verdict["fence"]["released"] == 0
    assert verdict["rto_ms"] > 10_000


@pytest.mark.parametrize("moment", ["refused", "released"])
def test_a_judge_that_is_killed_leaves_a_cluster_that_heals(sound, tmp_path, moment):
    held(sound, f"fence_agent_killed_{moment}", tmp_path)


def test_a_live_primary_that_is_taken_for_dead_loses_nothing(sound, tmp_path):
    assert held(sound, "fence_live_primary", tmp_path)["lost"] == 0


def test_without_the_refusal_writes_are_lost_and_the_judge_finds_them(sound, tmp_path):
    verdict, _ = run(sound, EXPERIMENTS["fence_without_refusal"], tmp_path)
    assert (verdict["verdict"], verdict["fence"]["released"]) == ("fail", 1)
    assert verdict["lost"] > 0


@pytest.mark.parametrize("name", ["leader_poweroff", "host_frozen_then_resumed", "leader_and_etcd_leader"])
def test_other_drills_are_as_good_as_without(sound, tmp_path, name):
    held(sound, name, tmp_path)


def test_a_busy_leader_is_no_dead_one(sound, tmp_path):
    verdict = held(sound, "fence_false_alarms", tmp_path)
    assert (verdict["fence"]["released"], verdict["leader_changes"]) == (0, 0)

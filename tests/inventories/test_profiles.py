"""Profiles, single values on top of them, and the levels of durability."""

import pytest

from firedrill.cluster.patroni.timing import predict
from firedrill.cluster.system import Injection
from firedrill.inventories import profiles, releases
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import defaults, with_defaults

KNOWN = defaults()
CUT = Injection(1_000_000_000, "power_cut", "db1")


def data(**given):
    return with_defaults(given, KNOWN)


@pytest.mark.parametrize("name", KNOWN["profiles"])
def test_patroni_takes_each_profile_as_it_is(name):
    it = KNOWN["profiles"][name]
    assert it["ttl"] >= 20 and it["loop_wait"] >= 1 and it["retry_timeout"] >= 3
    assert it["loop_wait"] + 2 * it["retry_timeout"] <= it["ttl"]
    # The watchdog expires before the leader key does, and not before the next loop has triggered it.
    assert it["loop_wait"] < it["ttl"] - it["safety_margin"] < it["ttl"]
    assert it.keys() == KNOWN["profiles"]["fast"].keys()


# Seconds: ttl - loop_wait + 2 + 0.1 at least, ttl + 0.5 + 2 + 0.4 + downinter + (rise - 1) * fastinter at most.
@pytest.mark.parametrize(
    ("name", "least", "mean", "most"),
    [
        ("fast", 20.1, 21.75, 23.4),
        ("pair", 20.1, 21.75, 23.4),
        ("norm", 27.1, 32.0, 36.9),
        ("safe", 52.1, 60.5, 68.9),
        ("wide", 102.1, 116.5, 130.9),
        ("default", 22.1, 30.5, 38.9),
    ],
)
def test_the_write_outage_that_the_model_predicts(name, least, mean, most):
    found = predict(profiles.settings(data(profile=name)), [CUT], (), "db1", None)
    assert (found.low_ms, found.high_ms) == pytest.approx((1000 * least, 1000 * most))
    assert (found.low_ms + found.high_ms) / 2 == pytest.approx(1000 * mean)
    it = KNOWN["profiles"][name]
    assert least == pytest.approx(it["ttl"] - it["loop_wait"] + 2.1)
    assert most == pytest.approx(it["ttl"] + 2.9 + it["downinter"] + (it["rise"] - 1) * it["fastinter"])


def test_single_values_are_changed_on_top_of_the_profile():
    assert profiles.settings(data(timings={"ttl": 25}))["ttl"] == 25
    assert profiles.settings(data(timings={"ttl": 25}))["loop_wait"] == 2


def test_entries_of_a_profile_are_changed_and_one_is_added():
    it = data(profiles={"fast": {"ttl": 40}, "mine": {"loop_wait": 3}}, profile="mine")["profiles"]
    assert it["fast"] == KNOWN["profiles"]["fast"] | {"ttl": 40}
    assert it["mine"] == KNOWN["profiles"]["fast"] | {"loop_wait": 3}
    assert it["default"] == KNOWN["profiles"]["default"]


@pytest.mark.parametrize(
    ("given", "databases", "patroni", "level", "why"),
    [
        ({}, 3, (4, 0), "quorum", None),
        ({}, 3, None, "quorum", None),
        ({}, 3, (3, 0), "on", "Patroni 3.0 has no quorum commit (4.0 and later)"),
        ({}, 2, (4, 0), "on", "2 databases have no majority without the leader"),
        ({}, 1, (4, 0), "on", "1 databases have no majority"),
        ({"profile": "pair"}, 2, (3, 0), "on", None),
        ({"durability": "off"}, 1, (3, 0), "off", None),
        ({"durability": "strict"}, 2, (3, 0), "strict", None),
        ({"durability": "quorum"}, 3, (4, 1), "quorum", None),
        ({"durability": "on", "synchronous_nodes": 2}, 3, (4, 0), "on", None),
        ({"timings": {"synchronous_mode": "off"}}, 3, (4, 0), "off", None),
    ],
)
def test_what_is_asked_for_or_the_profile_gives_way(given, databases, patroni, level, why):
    found = profiles.durability(data(**given), databases, patroni)
    assert found.level == level
    assert why in found.notice if why else found.notice is None


@pytest.mark.parametrize(
    ("given", "databases", "patroni", "problem"),
    [
        (
            {"durability": "quorum"},
            3,
            (3, 0),
            "`durability` is 'quorum', and Patroni 3.0 .*: set it to 'on' or 'strict'",
        ),
        ({"durability": "quorum"}, 2, (4, 0), "2 databases have no majority"),
        ({"durability": "strict"}, 1, (4, 0), "there is no standby: add a database"),
        ({"synchronous_nodes": 3}, 3, (4, 0), "`synchronous_nodes` is 3, and 3 databases have 2 standbys: set it to 2"),
        ({"timings": {"synchronous_mode": "yes"}}, 3, (4, 0), "the durability is 'yes': choose one of off, on"),
    ],
)
def test_a_level_that_the_cluster_cannot_have_is_refused(given, databases, patroni, problem):
    with pytest.raises(InventoryProblem, match=problem):
        profiles.durability(data(**given), databases, patroni)


@pytest.mark.parametrize(
    ("level", "mode", "strict"),
    [("off", False, False), ("on", True, False), ("strict", True, True), ("quorum", "quorum", False)],
)
def test_what_a_level_sets_in_patroni(level, mode, strict):
    wanted = {"synchronous_mode": mode, "synchronous_mode_strict": strict, "synchronous_node_count": 2}
    assert profiles.patroni_settings(level, 2) == wanted


def test_a_release_is_named_by_its_code_name():
    assert str(releases.named("bookworm")) == "Debian 12 (bookworm)"
    assert releases.named(None).codename == "trixie"
    with pytest.raises(InventoryProblem, match="unknown release 'sid': the releases are bookworm, trixie"):
        releases.named("sid")

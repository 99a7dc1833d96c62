"""The timing model: what it predicts, and of what it says nothing."""

import pytest

from firedrill.cluster.patroni import etcd_timing
from firedrill.cluster.patroni.timing import predict
from firedrill.cluster.system import Injection

SECOND = 1_000_000_000
FAST = {"ttl": 20, "loop_wait": 2, "inter": 1, "fastinter": 0.5, "downinter": 0.5, "rise": 1, "fall": 2}
ETCD = ("etcd1", "etcd2", "etcd3")
CUT = Injection(100 * SECOND, "power_cut", "db1")


def test_a_leaders_power_cut():
    found = predict(FAST, [CUT], ETCD, "db1", None)
    assert (found.low_ms, found.high_ms) == (20_100, 23_400)
    assert sum(low for low, _ in found.terms.values()) == pytest.approx(found.low_ms)
    assert sum(high for _, high in found.terms.values()) == pytest.approx(found.high_ms)


def test_an_etcd_host_lost_at_the_same_moment_delays_the_expiry():
    together = Injection(CUT.t + SECOND // 2, "power_cut", "etcd1")
    assert predict(FAST, [CUT, together], ETCD, "db1", None).high_ms == 26_400
    later = Injection(CUT.t + SECOND, "power_cut", "etcd1")
    assert predict(FAST, [CUT, later], ETCD, "db1", None).high_ms == 23_400


def test_a_slow_proxy_adds_its_health_checks():
    slow = FAST | {"downinter": 3, "fastinter": 3, "rise": 2}
    assert predict(slow, [CUT], ETCD, "db1", None).high_ms == 20_000 + 500 + 2_000 + 400 + 3_000 + 3_000


@pytest.mark.parametrize(
    ("profile", "faults", "leader"),
    [
        (FAST, [], "db1"),
        (FAST, [CUT], "db2"),
        (FAST, [CUT], None),
        (FAST, [Injection(CUT.t, "poweroff", "db1")], "db1"),
        (FAST, [Injection(CUT.t - SECOND, "loss", "db2"), CUT], "db1"),
        ({"ttl": 20}, [CUT], "db1"),
        (FAST | {"rise": None}, [CUT], "db1"),
    ],
)
def test_of_anything_else_it_says_nothing(profile, faults, leader):
    assert predict(profile, faults, ETCD, leader, None) is None


@pytest.mark.parametrize(
    ("election", "led_etcd", "wanted"),
    [
        (1, "etcd2", (20_100, 23_400)),
        (1, "etcd1", (24_100, 26_400)),
        (5, "etcd1", (32_100, 38_400)),
        (5, "etcd2", (20_100, 23_400)),
        (None, "etcd1", (24_100, 26_400)),
    ],
)
def test_who_led_etcd_and_its_election_timeout_decide(election, led_etcd, wanted):
    together = Injection(CUT.t, "power_cut", "etcd1")
    found = predict(FAST | {"election": election}, [CUT, together], ETCD, "db1", led_etcd)
    assert (found.low_ms, found.high_ms) == wanted
    assert set(found.phases) == set(found.terms)


FENCED = FAST | {"fence": "quorum", "fence_misses": 5, "fence_interval": 0.2, "synchronous_mode": "quorum"}


@pytest.mark.parametrize(
    ("given", "span", "terms"),
    [
        ({}, (900, 4_600), {"silence": (800, 1_200), "votes": (0, 500)}),
        ({"fence": "power"}, (1_000, 5_600), {"power off": (100, 1_000)}),
        ({"fence_misses": 3}, (500, 4_200), {"silence": (400, 800)}),
        ({"fence_misses": 7, "fence_interval": 1}, (6_100, 11_400), {"silence": (6_000, 8_000)}),
    ],
)
def test_with_a_fence_the_judges_decide_and_not_the_lease(given, span, terms):
    found = predict(FENCED | given, [CUT], ETCD, "db1", "etcd1")
    assert (found.low_ms, found.high_ms) == span
    assert terms.items() <= found.terms.items()
    assert "lease" not in found.terms and set(found.phases) == set(found.terms)


def test_the_judges_count_on_while_etcd_elects():
    together = Injection(CUT.t, "power_cut", "etcd1")
    found = predict(FENCED | {"election": 1}, [CUT, together], ETCD, "db1", "etcd1")
    assert found.terms["coordinator election"] == (0, 2_200)
    slow = predict(FENCED | {"election": 5}, [CUT, together], ETCD, "db1", "etcd1")
    assert slow.terms["coordinator election"] == (3_800, 14_200)


@pytest.mark.parametrize("given", [{"fence": "off"}, {"synchronous_mode": "off"}, {"fence_misses": None}])
def test_where_the_fence_would_not_act_the_lease_decides(given):
    assert "lease" in predict(FENCED | given, [CUT], ETCD, "db1", None).terms


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("/usr/bin/etcd --name x --election-timeout 5000 ", 5),
        ("/usr/bin/etcd --election-timeout=2500 \nETCD_ELECTION_TIMEOUT=9000\n", 2.5),
        ("/usr/bin/etcd \nETCD_NAME=x\nETCD_ELECTION_TIMEOUT=5000\n", 5),
        ("/usr/bin/etcd --config-file=/etc/etcd.yml \nname: x\nelection-timeout: 5000\n", 5),
        ("/usr/bin/etcd \n", None),
        ("ETCD_ELECTION_TIMEOUT=fast", None),
    ],
)
def test_a_members_own_election_timeout(text, seconds):
    assert etcd_timing.parsed(text) == seconds

"""The observer `tcp`: counters become what was added since the last sample, across gaps and reboots."""

import pytest

from firedrill.experiments.observe.tcp import COUNTED, Counters
from firedrill.inventories.read import Host


@pytest.fixture
def recorded():
    return []


@pytest.fixture
def counters(recorded) -> Counters:
    host = Host("db1", "192.0.2.21", ("postgres",), {})
    return Counters(host, lambda **fields: recorded.append(fields))


def now(number: int, boot: str = "one") -> dict:
    return dict.fromkeys(COUNTED, number) | {"boot": boot}


def test_counting_begins_with_the_first_sample(counters, recorded):
    counters.sample(now(1000))
    counters.sample(now(1007))
    assert [sample["retransmits"] for sample in recorded] == [0, 7]
    assert recorded[0]["start"] == recorded[0]["t"] == recorded[1]["start"] < recorded[1]["t"]


def test_what_happened_in_a_gap_is_counted_by_the_next_sample(counters, recorded):
    counters.sample(now(10))
    counters.unreachable("no route")
    counters.sample(now(25))
    assert (recorded[1]["reachable"], recorded[1]["checksum_errors"], recorded[1]["error"]) == (False, None, "no route")
    assert (recorded[2]["checksum_errors"], recorded[2]["start"]) == (15, recorded[0]["t"])


def test_after_a_boot_everything_since_it_counts(counters, recorded):
    counters.sample(now(900))
    counters.sample(now(4, "two"))
    assert (recorded[1]["sent"], recorded[1]["boot"]) == (4, "two")

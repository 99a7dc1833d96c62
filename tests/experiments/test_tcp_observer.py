"""The observer `tcp`: counters become what was added since the last word, over silences and reboots."""

import pytest

from firedrill.experiments.observe.tcp import COUNTED, Counters
from firedrill.inventories.read import Host


@pytest.fixture
def told():
    return []


@pytest.fixture
def counters(told) -> Counters:
    host = Host("db1", "192.0.2.21", ("postgres",), {})
    return Counters(host, lambda **fields: told.append(fields))


def now(number: int, boot: str = "one") -> dict:
    return dict.fromkeys(COUNTED, number) | {"boot": boot}


def test_the_first_word_is_where_counting_begins(counters, told):
    counters.seen(now(1000))
    counters.seen(now(1007))
    assert [word["retransmits"] for word in told] == [0, 7]
    assert told[0]["start"] == told[0]["t"] == told[1]["start"] < told[1]["t"]


def test_what_happened_in_a_silence_is_counted_by_the_next_word(counters, told):
    counters.seen(now(10))
    counters.unseen("no route")
    counters.seen(now(25))
    assert (told[1]["reachable"], told[1]["checksum_errors"], told[1]["error"]) == (False, None, "no route")
    assert (told[2]["checksum_errors"], told[2]["start"]) == (15, told[0]["t"])


def test_after_a_boot_all_since_it_counts(counters, told):
    counters.seen(now(900))
    counters.seen(now(4, "two"))
    assert (told[1]["sent"], told[1]["boot"]) == (4, "two")

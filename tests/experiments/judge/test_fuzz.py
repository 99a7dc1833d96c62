"""Whatever a file of events holds: it is refused with ValueError, or it has a verdict. In bounded time and memory."""

import json
import resource
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firedrill.experiments.judge.contract import EVENTS
from firedrill.experiments.judge.recording import load_events
from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.judge.verdict import judge_events
from tests.fuzz import few

LONGEST_S, MOST_BYTES = 5.0, 200_000_000
NAMES = sorted({name for kind in EVENTS.values() for name in kind.fields} | {"t", "source", "kind", "host", "timeline"})
SOURCES = sorted({source for source, _ in EVENTS} | {"etcd", "patroni", "haproxy", "locust", "ledger"})
KINDS = sorted({kind for _, kind in EVENTS} | {"parts"})
WORDS = (
    *(
        "acked",
        "failed",
        "unknown",
        "ok",
        "error",
        "GET",
        "POST",
        "before",
        "after",
        "start",
        "inject",
        "heal",
        "clean",
    ),
    *("primary", "write", "db1", "db2", "UP", "leader", "sync", "put", "delete", "probe", "forecast", "tcp", "users"),
)
TIMES = (0, 1, -1, 2**63, 10**40, 1_795_000_000 * 10**9, 1_795_000_020 * 10**9)
NUMBERS = (*TIMES, 0.5, 1e300, float("inf"), float("nan"))
VALUES = st.recursive(
    st.sampled_from((None, True, False, *NUMBERS, *WORDS, "", "abc")) | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=4,
)
CHANGES = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from(NAMES), VALUES), min_size=1, max_size=6)
FRESH = st.lists(
    st.fixed_dictionaries({"source": st.sampled_from(SOURCES), "kind": st.sampled_from(KINDS), "t": VALUES})
    | st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
    | VALUES,
    max_size=4,
)
QUICK = few(100)


class Events(list):
    """Events that fill no page where a test fails."""

    def __repr__(self):
        return f"{len(self)} events"


@pytest.fixture(scope="module")
def short_run(builder):
    """A run with one event of every kind and source, thinned to be quick."""
    events, kept, count = builder.power_cut_run(begin=-4.0, power_on=25.0, steady=30.0), [], {}
    for event in events:
        which = (event["source"], event["kind"], event["host"])
        count[which] = count.get(which, 0) + 1
        if event["source"] in ("runner", "tables", "ledger", "etcd", "leadership") or count[which] % 15 == 1:
            kept.append(event)
    more = {"start": builder.at(1), "reachable": True, "retransmits": 1, "checksum_errors": 0, "sent": 5, "boot": "a"}
    return Events(
        [
            *kept,
            builder.event(-4.0, "runner", "observer", phase="start", name="tcp", interval_ms=2000),
            builder.event(2.0, "tcp", "counters", "db1", **more),
            builder.event(9.0, "runner", "level", name="one", start=builder.at(3)),
            builder.event(28.0, "runner", "caught_up", "db1", ok=True, by="its WAL alone"),
        ]
    )


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def judged(events):
    """The verdict, or None where the events are refused. A crash is neither, and the judge must not crash."""
    began, size = time.process_time(), peak_bytes()
    try:
        verdict = judge_events(events)
    except ValueError as error:
        assert str(error)
        return None
    finally:
        assert time.process_time() - began < LONGEST_S
        assert peak_bytes() - size < MOST_BYTES
    assert verdict.notes == ()
    json.dumps(verdict.to_json(), allow_nan=False).encode()
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict
    return verdict


@QUICK
@given(changes=CHANGES)
def test_a_run_with_changed_fields(short_run, changes):
    events = [dict(event) for event in short_run]
    for place, name, value in changes:
        events[int(place * len(events))][name] = value
    judged(events)


@pytest.fixture(scope="module")
def old_run(events_of):
    """A recorded run of format 1, thinned to be quick."""
    kept, count = [], {}
    for event in events_of("two_primaries"):
        which = (event["source"], event["kind"], event["host"])
        count[which] = count.get(which, 0) + 1
        if event["source"] == "runner" or count[which] % 15 == 1:
            kept.append(event)
    return Events(kept)


@QUICK
@given(changes=CHANGES)
def test_a_run_of_format_1_with_changed_fields(old_run, changes):
    events = [dict(event) for event in old_run]
    for place, name, value in changes:
        events[int(place * len(events))][name] = value
    judged(events)


@QUICK
@given(fresh=FRESH)
def test_a_run_with_other_events(short_run, fresh):
    judged([*short_run, *fresh])


@QUICK
@given(gone=st.sets(st.sampled_from(NAMES), min_size=1, max_size=4), kinds=st.sets(st.sampled_from(KINDS), max_size=4))
def test_a_run_without_some_fields_and_kinds(short_run, gone, kinds):
    events = [event for event in short_run if event["kind"] not in kinds]
    judged([{name: value for name, value in event.items() if name not in gone} for event in events])


@QUICK
@given(text=st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_a_file_of_anything(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("fuzz") / "events.jsonl"
    path.write_bytes(text)
    try:
        judge_events(load_events(path))
    except ValueError as error:
        assert "\n" not in str(error).strip()


# -- what was found before -------------------------------------------------------------------------------


def changed(events, kind, **fields):
    return [event | fields if event["kind"] == kind else event for event in events]


def test_a_field_that_its_kind_does_not_have_is_ignored(short_run):
    verdict = judge_events(changed(short_run, "member", start="acked"))
    assert verdict.notes == () and verdict.rto_ms == judge_events(short_run).rto_ms


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda events: changed(events, "fault", t=1), "'t' cannot be 1, wanted a time from 1 h before"),
        (lambda events: changed(events, "fault", id=["a"]), "'id' cannot be ['a'], wanted an integer or a string"),
        (lambda events: changed(events, "present", ids=[["a"]]), "'ids' cannot be [['a']]"),
        (lambda events: changed(events, "run", profile={"ttl": "abc"}), "'ttl' cannot be 'abc', wanted a non-negative"),
        (
            lambda events: changed(events, "run", expectations=[1]),
            "'expectations' cannot be [1], wanted a list of objects",
        ),
        (lambda events: changed(events, "observer", interval_ms=float("inf")), "'interval_ms' cannot be inf"),
        (lambda events: changed(events, "write", start="now"), "'start' cannot be 'now', wanted a time"),
    ],
)
def test_bad_events_are_refused_by_name(short_run, change, words):
    began = time.process_time()
    with pytest.raises(ValueError, match=r"^event \d+: ") as raised:
        judge_events(change(short_run))
    assert words in str(raised.value)
    assert time.process_time() - began < LONGEST_S


def test_a_deep_line_is_refused(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("[" * 100_000 + "\n")
    with pytest.raises(ValueError, match="events.jsonl:1: not a JSON object"):
        load_events(path)


def test_a_line_without_end_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "events.jsonl"
    with path.open("wb") as file:
        file.truncate(2_000_000_000)
    size = peak_bytes()
    with pytest.raises(ValueError, match="events.jsonl:1: wanted a line of at most"):
        load_events(path)
    assert peak_bytes() - size < MOST_BYTES

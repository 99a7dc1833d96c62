"""Recorded runs are judged today as they were judged when they were recorded.

`tests/experiments/recordings` holds pairs of `NAME.events.jsonl.gz` and `NAME.verdict.json.gz`. They were recorded on a
real cluster, in format 1; `unfenced` was made by builder.py. Only the wording of `why` may differ.
"""

import copy
import json

import jsonschema

from firedrill.experiments.judge import schema
from firedrill.experiments.judge.verdict import judge_events
from firedrill.experiments.observe import format_1


def test_it_is_judged_to_the_same_figures(recording, events_of, verdict_of):
    found, wanted = json.loads(json.dumps(judge_events(events_of(recording)).to_json())), verdict_of(recording)
    assert (len(found["why"]), found["notes"]) == (len(wanted["why"]), [])
    for name in ("why", "notes"):
        found.pop(name)
        wanted.pop(name, None)
    later = {name: found.pop(name) for name in list(found) if name not in wanted}
    assert list(found) == list(wanted)
    assert found == wanted
    assert [name for name, value in later.items() if value not in (None, [], 0)] == [], "not observed then"


def test_its_verdict_keeps_to_the_schema(recording, events_of, verdict_of):
    today = json.loads(json.dumps(judge_events(events_of(recording)).to_json()))
    jsonschema.validate(today, json.loads(schema.shipped()))
    assert schema.Verdict.from_json(verdict_of(recording)).rto_ms == today["rto_ms"]


def test_upgrading_it_changes_nothing_else(recording, events_of):
    events = events_of(recording)
    before = copy.deepcopy(events)
    assert judge_events(format_1.upgrade(events)) == judge_events(events)
    assert events == before


def test_every_kind_of_verdict_is_among_them(verdict_of):
    names = ("leader_power_cut", "lost_writes", "two_primaries", "interrupted")
    assert [verdict_of(name)["verdict"] for name in names] == ["pass", "fail", "fail", "unknown"]

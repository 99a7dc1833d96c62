"""Recorded runs are judged today as they were judged when they were recorded.

`tests/experiments/recordings` holds pairs of `NAME.events.jsonl.gz` and `NAME.verdict.json.gz`. Most were recorded on
a real cluster, with events of format 1; `unfenced` comes from builder.py. Only the wording of `why` may differ.
"""

import gzip
import json
from pathlib import Path

import pytest

from firedrill.experiments.judge.verdict import judge

FOLDER = Path(__file__).parents[1] / "recordings"
NAMES = sorted(path.name.removesuffix(".events.jsonl.gz") for path in FOLDER.glob("*.events.jsonl.gz"))


def events_of(name: str) -> list[dict]:
    with gzip.open(FOLDER / f"{name}.events.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def recorded_verdict(name: str) -> dict:
    with gzip.open(FOLDER / f"{name}.verdict.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)


def test_every_kind_of_verdict_is_recorded():
    assert {recorded_verdict(name)["verdict"] for name in NAMES} == {"pass", "fail", "unknown"}


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_run_is_judged_to_the_same_figures(name):
    found, wanted = json.loads(json.dumps(judge(events_of(name)))), recorded_verdict(name)
    assert len(found.pop("why")) == len(wanted.pop("why"))
    assert list(found) == list(wanted)
    assert found == wanted

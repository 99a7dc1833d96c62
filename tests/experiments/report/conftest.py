"""Folders of suites for the tests of pages and exports."""

import json
from dataclasses import replace

import pytest

from firedrill.experiments.judge.verdict import assess

KNOBS = {"pass": {}, "fail": {"lost_probe": (11,)}, "unknown": {"without": ("leadership",)}}


@pytest.fixture
def made(builder, tmp_path):
    """Make a suite's folder: `made("name", leader_power_cut="pass", other="skipped", ...)`."""

    def make(name: str, rto_ms: float | None = None, **verdicts: str):
        folder = tmp_path / name
        folder.mkdir()
        rows = [_row(builder, folder, experiment, verdict, rto_ms) for experiment, verdict in verdicts.items()]
        known = {"format": 1, "began": "2026-11-21T13:00:00+00:00", "ended": None, "inventory": "inventories/lab.py"}
        (folder / "suite.json").write_text(json.dumps(known | {"versions": {"patroni": "4.0.7"}, "rows": rows}))
        return folder

    return make


def _row(builder, folder, experiment, verdict, rto_ms) -> dict:
    row = {"experiment": experiment, "verdict": verdict, "why": [f"{experiment} was {verdict} <because>\x08"]}
    if verdict not in KNOBS:
        return row | {"report": None, "seconds": None, "verdict_file": None}
    found = assess(builder.power_cut_run(run={"experiment": experiment}, **KNOBS[verdict])).verdict
    assert found.verdict == verdict
    found = found if rto_ms is None else replace(found, rto_ms=rto_ms)
    (folder / experiment).mkdir()
    (folder / experiment / "verdict.json").write_text(json.dumps(found.to_json()))
    return row | {"report": experiment, "seconds": 61.5, "verdict_file": f"{experiment}/verdict.json"}

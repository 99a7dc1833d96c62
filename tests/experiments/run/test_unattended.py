"""The suite: every experiment has its row, whatever became of the ones before."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from firedrill.experiments.catalogue import EXPERIMENTS, QUICK
from firedrill.experiments.drills.leader_power_cut import EXPERIMENT
from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.run import unattended
from firedrill.faults.protocol import NotClean
from firedrill.inventories.errors import Problem

ACCESS = SimpleNamespace(inventory=SimpleNamespace(path=Path("lab.py")))


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """Run a suite of experiments that come to the given ends: verdicts, errors to raise, or reasons not to run."""

    def run(*ends, left=None):
        wanted = [SimpleNamespace(name=f"e{number}", end=end) for number, end in enumerate(ends)]
        monkeypatch.setattr(unattended, "repair", lambda access, tell: left)
        monkeypatch.setattr(unattended.needs, "missing", lambda it, access: it.end if isinstance(it.end, list) else [])
        monkeypatch.setattr(unattended, "Run", FakeRun)
        return unattended.run(wanted, ACCESS, seed=7, folder=tmp_path, tell=lambda text: None)

    return run


class FakeRun:
    def __init__(self, experiment, access, *, seed, folder, tell):
        self.end, self.seed = experiment.end, seed
        assert folder.is_dir()

    def run(self):
        if isinstance(self.end, BaseException):
            raise self.end
        return Verdict(
            experiment="e", title="E", verdict=self.end, why=(f"seed {self.seed}",), versions={"patroni": "4"}
        )


def verdicts(found):
    return [row["verdict"] for row in found["rows"]]


def test_goes_on_past_what_fell_short_or_broke(suite, tmp_path):
    found = suite("fail", NotClean("db1 has a qdisc", "look"), ["it needs a floating address"], "unknown", "pass")
    assert verdicts(found) == ["fail", "error", "skipped", "unknown", "pass"]
    assert found["rows"][1]["why"] == ["It could not be run: db1 has a qdisc: look."]
    assert found["rows"][2]["why"] == ["It cannot run here: it needs a floating address."]
    assert [row["report"] for row in found["rows"]] == ["e0", None, None, "e3", "e4"]
    assert [row["why"][0] for row in found["rows"] if row["report"]] == ["seed 7", "seed 10", "seed 11"]
    assert found["versions"] == {"patroni": "4"}
    assert json.loads((tmp_path / "suite.json").read_text()) == found
    assert found["ended"] >= found["began"]


def test_what_is_done_is_written_before_the_rest(suite, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        suite("pass", KeyboardInterrupt(), "pass")
    written = json.loads((tmp_path / "suite.json").read_text())
    assert verdicts(written) == ["pass"]
    assert written["ended"] is None


def test_a_cluster_that_cannot_be_repaired_is_an_error(suite):
    found = suite("pass", left="no running leader")
    assert verdicts(found) == ["error"]
    assert "no running leader" in found["rows"][0]["why"][0]
    assert (found["whole"], found["detail"]) == (False, "no running leader")


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        (["pass", ["no"]], 0),
        (["pass", "unknown"], 3),
        (["unknown", Problem("a", "b")], 2),
        ([Problem("a", "b"), "fail", "unknown"], 1),
        ([["no"]], 3),
        ([], 3),
    ],
)
def test_exit_codes(suite, ends, code):
    assert unattended.exit_code(suite(*ends)) == code


def test_the_quick_ones_take_less_than_twelve_minutes():
    assert set(QUICK) <= set(EXPERIMENTS)
    assert sum(EXPERIMENTS[name].cost_s for name in QUICK) < 12 * 60
    special = ("fence", "monitors")
    known = [it for it in EXPERIMENTS.values() if not any(getattr(it.needs, name) for name in special)]
    everywhere = [it for it in known if "group_replication" not in it.only_on]
    assert sum(it.cost_s for it in everywhere) < 50 * 60
    assert EXPERIMENT.name in QUICK

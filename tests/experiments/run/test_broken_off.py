"""Whatever is raised, and wherever: healed, looked at, recorded with its traceback, judged *unknown* with the cause."""

import contextlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from firedrill.cluster.system import Roles
from firedrill.experiments import steps
from firedrill.experiments.drills.switchover import EXPERIMENT
from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.model import StepContext
from firedrill.experiments.report import again, page
from firedrill.experiments.run import closing, context, runner
from firedrill.experiments.run.steady_state import State
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.labs import ROOT

STEADY = State("db1", ("db2",), 1, None)
UNFORESEEN = [KeyError("holder"), RuntimeError("unforeseen"), TypeError("list indices must be integers")]


@dataclass(frozen=True)
class Raise:
    """A step that meets what nobody foresaw."""

    error: BaseException

    def carry_out(self, run: StepContext) -> None:
        raise self.error


class Cluster:
    """Everything that a run does to a cluster, written down; `raises` says where what is raised."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.raises: dict[str, BaseException] = {}
        self.folder = folder
        monkeypatch.setattr(context.Context, "heal", lambda it: self.call("heal"))
        monkeypatch.setattr(context.steady_state, "wait", lambda *_: (self.call("steady", STEADY), 0.1))
        monkeypatch.setattr(runner.opening, "event", self.opening)
        monkeypatch.setattr(runner.needs, "missing", lambda *_: [])
        monkeypatch.setattr(runner.failover, "missing", lambda *_: [])
        monkeypatch.setattr(runner.settings, "restore", lambda *_: False)
        monkeypatch.setattr(runner.settings, "applied", self.applied)
        monkeypatch.setattr(runner.tables, "prepare", lambda *_: None)
        monkeypatch.setattr(runner.tables, "read", lambda *_: self.call("tables"))
        monkeypatch.setattr(runner.logs, "collect", lambda *_: self.call("logs"))
        monkeypatch.setattr(runner, "Watch", self.watch)
        monkeypatch.setattr(context.Context, "note_initial_roles", lambda it: None)
        monkeypatch.setattr(context, "system_of", lambda inventory: self)

    def roles(self, access: Access) -> Roles:
        return Roles(None, ())

    def settings(self, access: Access) -> dict[str, Any]:
        return access.profile

    def call(self, name: str, result: Any = None) -> Any:
        self.calls.append(name)
        if error := self.raises.get(name):
            raise error
        return result

    def opening(self, experiment, made) -> dict[str, Any]:
        known = {"format": 2, "system": "patroni", "experiment": experiment.name, "title": experiment.title}
        known |= dict.fromkeys(("coordinators", "proxies", "tiers", "observers"), []) | {"seed": made.seed}
        return known | {
            "databases": ["db1", "db2"],
            "profile": {},
            "topology": [],
            "expectations": [],
            "load": {"users": 0},
            "versions": {},
        }

    @contextlib.contextmanager
    def applied(self, *_):
        self.call("settings set")
        try:
            yield
        finally:
            self.call("settings restored")

    def watch(self, *_):
        return self

    @contextlib.contextmanager
    def running(self):
        self.call("observers start")
        try:
            yield
        finally:
            self.call("observers stop")

    def run(self, *given: Any, **more: Any) -> dict[str, Any]:
        lab = Access(read(ROOT / "inventories/lab.py"), Secrets())
        for host in lab.inventory.hosts:
            host.data["tls"] = False  # there is no server to verify
        experiment = replace(EXPERIMENT, steps=given or (steps.Wait(0),), **more)
        return runner.Run(experiment, lab, seed=1, folder=self.folder, tell=print).run().to_json()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "events.jsonl").read_text().splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] == kind]


@pytest.fixture
def cluster(tmp_path, monkeypatch, without_pictures) -> Cluster:
    return Cluster(tmp_path, monkeypatch)


def assert_undecided(cluster: Cluster, verdict: dict[str, Any], error: BaseException) -> None:
    """The verdict is unknown, its reasons name the cause, and everything is in the folder."""
    assert verdict["verdict"] == "unknown"
    assert json.loads((cluster.folder / "verdict.json").read_text()) == verdict
    cause = str(error) if isinstance(error, Problem) else type(error).__name__
    assert any(cause in sentence for sentence in verdict["why"]), verdict["why"]
    assert "report.html" in {path.name for path in cluster.folder.iterdir()}
    assert verdict["title"] in (cluster.folder / "report.md").read_text()
    assert cluster.of("run"), "the events are merged"


def assert_traced(cluster: Cluster, error: BaseException) -> None:
    (found,) = cluster.of("broken_off")
    assert type(error).__name__ in found["error"]
    assert "Traceback" in found["traceback"]


def test_a_run_in_which_nothing_is_raised(cluster):
    verdict = cluster.run()
    assert cluster.of("broken_off") == []
    assert cluster.of("end")[0]["ok"] is True
    assert [event["phase"] for event in cluster.of("steady")] == ["before", "after"]
    assert not any("crash" in sentence or "Error" in sentence for sentence in verdict["why"])
    assert cluster.calls[:4] == ["heal", "settings set", "steady", "observers start"]
    assert cluster.calls[4:] == ["heal", "steady", "observers stop", "tables", "settings restored", "logs"]


@pytest.mark.parametrize("error", UNFORESEEN, ids=lambda it: type(it).__name__)
def test_in_a_step(cluster, error):
    verdict = cluster.run(Raise(error))
    assert_undecided(cluster, verdict, error)
    assert_traced(cluster, error)
    after = cluster.calls[cluster.calls.index("observers start") :]
    assert after == ["observers start", "heal", "steady", "observers stop", "tables", "settings restored", "logs"]
    assert cluster.of("steady")[-1]["phase"] == "after"
    assert cluster.of("end")[0]["ok"] is False


def test_a_fault_without_effect_is_followed_by_a_look_at_the_cluster(cluster):
    """A Problem is foreseen: it needs no traceback, and all the rest."""
    error = Problem("db1: the process runs on", "look")
    verdict = cluster.run(Raise(error))
    assert_undecided(cluster, verdict, error)
    assert cluster.of("broken_off")[0]["traceback"] is None
    assert cluster.of("steady")[-1]["phase"] == "after"


@pytest.mark.parametrize("place", ["observers start", "observers stop", "tables", "logs", "settings restored"])
@pytest.mark.parametrize("error", [*UNFORESEEN, OSError("no space")], ids=lambda it: type(it).__name__)
def test_around_the_steps(cluster, place, error):
    cluster.raises[place] = error
    verdict = cluster.run()
    assert_undecided(cluster, verdict, error)
    assert_traced(cluster, error)
    assert cluster.calls.count("heal") >= 2, "before the run, and after what was raised"
    assert [event["phase"] for event in cluster.of("steady")] == ["before", "after"]


@pytest.mark.parametrize("place", ["heal", "steady"])
def test_while_healing_or_looking(cluster, place):
    error = KeyError("state")
    real = cluster.call

    def late(name, result=None):
        if name == place and cluster.calls.count(name) == 1:
            cluster.raises[place] = error
        return real(name, result)

    cluster.call = late
    verdict = cluster.run()
    assert_undecided(cluster, verdict, error)
    assert "tables" in cluster.calls and "settings restored" in cluster.calls


def test_the_first_of_several_is_the_cause_and_all_are_recorded(cluster):
    cluster.raises |= {"tables": ValueError("no leader"), "logs": TypeError("later")}
    verdict = cluster.run(Raise(KeyError("first")))
    assert_undecided(cluster, verdict, KeyError("first"))
    assert [event["part"] for event in cluster.of("broken_off")] == ["a step", "the tables", "the hosts' logs"]


def test_a_cluster_that_is_not_healthy_before_is_left_alone(cluster, monkeypatch):
    bad = State(None, (), None, "no running leader")
    monkeypatch.setattr(context.steady_state, "wait", lambda *_: (bad, 60.0))
    verdict = cluster.run()
    assert verdict["verdict"] == "unknown"
    assert "observers start" not in cluster.calls
    assert any("no running leader" in sentence for sentence in verdict["why"])


@pytest.mark.parametrize("error", [*UNFORESEEN, ValueError("x")], ids=lambda it: type(it).__name__)
def test_in_the_judge(cluster, monkeypatch, error):
    monkeypatch.setattr(again, "judge", raising(error))
    verdict = cluster.run()
    assert_undecided(cluster, verdict, error)


@pytest.mark.parametrize("error", UNFORESEEN, ids=lambda it: type(it).__name__)
def test_in_the_report(cluster, monkeypatch, error):
    monkeypatch.setattr(page, "write_report", raising(error))
    verdict = cluster.run()
    assert_undecided(cluster, verdict, error)
    assert_traced(cluster, error)
    assert "Traceback" in (cluster.folder / "report.html").read_text()


@pytest.mark.parametrize("given, found", [("pass", "unknown"), ("unknown", "unknown"), ("fail", "fail")])
def test_a_report_that_crashes_passes_nothing_and_hides_no_failure(tmp_path, monkeypatch, given, found):
    monkeypatch.setattr(page, "write_report", raising(KeyError("x")))
    verdict = Verdict(experiment="e", title="t", verdict=given, why=("because",))
    after = again.write(None, verdict, tmp_path, lambda part, error: None)
    assert after.verdict == found
    assert after.why[1:] == ("because",)


def test_in_the_merging(cluster, monkeypatch):
    error = KeyError("t")
    monkeypatch.setattr(closing, "merge", raising(error))
    verdict = cluster.run()
    assert_undecided(cluster, verdict, error)
    assert list(cluster.folder.glob("parts-*/runner.jsonl")), "nothing that was recorded is thrown away"


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt(), SystemExit(143)], ids=lambda it: type(it).__name__)
def test_ctrl_c_and_sigterm_heal_and_report_before_they_end_it(cluster, interrupt):
    with pytest.raises(type(interrupt)):
        cluster.run(Raise(interrupt))
    verdict = json.loads((cluster.folder / "verdict.json").read_text())
    assert verdict["verdict"] == "unknown"
    assert cluster.of("steady")[-1]["phase"] == "after"
    assert "tables" not in cluster.calls
    assert (cluster.folder / "report.html").is_file()


@pytest.mark.parametrize("error", [Problem("no rights", "look"), KeyError("x")], ids=lambda it: type(it).__name__)
def test_what_keeps_a_run_from_beginning_is_raised_and_leaves_no_folder(cluster, error):
    cluster.raises["settings set"] = error
    with pytest.raises(type(error)):
        cluster.run()
    assert not cluster.folder.exists()


def test_a_disk_that_fills_up_keeps_no_fault_from_being_healed(cluster, monkeypatch):
    real = context.Writer.__call__

    def full(it, kind, **fields):
        if "observers start" in cluster.calls:
            raise OSError(28, "No space left on device")
        real(it, kind, **fields)

    monkeypatch.setattr(context.Writer, "__call__", full)
    with pytest.raises(Problem, match="cannot be written .*No space left"):
        cluster.run()
    after = cluster.calls[cluster.calls.index("observers start") :]
    assert after == ["observers start", "heal", "steady", "observers stop", "tables", "settings restored", "logs"]


def test_a_disk_that_is_full_in_the_end_is_said_when_all_is_healed(cluster, monkeypatch):
    """Neither the merged events nor the runner's own can be written."""
    full = OSError(28, "No space left on device")
    monkeypatch.setattr(closing, "merge", raising(full))
    monkeypatch.setattr(closing.shutil, "copy", raising(full))
    with pytest.raises(Problem, match="cannot be written .*No space left.*all faults are healed; free space"):
        cluster.run()
    assert cluster.calls.count("heal") >= 2


def raising(error: BaseException):
    def raise_it(*_, **__):
        raise error

    return raise_it

"""The `experiments` command: exit 1 means that the system under test fell short, and nothing else does."""

import contextlib
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from firedrill.experiments import __main__ as command_module
from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.report import again
from firedrill.experiments.run import unattended
from firedrill.inventories.command import console_script
from firedrill.inventories.errors import Problem
from tests.labs import ROOT

UNFORESEEN = [KeyError("holder"), RuntimeError("x"), TypeError("y"), ValueError("z")]


@pytest.fixture
def experiments(monkeypatch, tmp_path):
    """Run the command in this process: its exit code, and what a cluster would answer."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command_module, "only_one", lambda inventory: contextlib.nullcontext())
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def run(*arguments: str) -> int | str | None:
        main = command_module.cli.main
        monkeypatch.setattr(command_module.cli, "main", lambda **given: main(["-i", lab(), *arguments], **given))
        with pytest.raises(SystemExit) as exit_info:
            console_script(command_module.cli, "experiments")()
        monkeypatch.setattr(command_module.cli, "main", main)
        return exit_info.value.code

    yield run
    signal.signal(signal.SIGINT, before[0])
    signal.signal(signal.SIGTERM, before[1])


def lab() -> str:
    return str(ROOT / "inventories/lab.py")


def ending(monkeypatch, *ends: Any) -> None:
    """Each run comes to one of these ends: a verdict, or an exception."""
    left = list(ends)

    class Run:
        def __init__(self, *_: Any, **given: Any) -> None:
            pass

        def run(self) -> Verdict:
            end = left.pop(0)
            if isinstance(end, BaseException):
                raise end
            return Verdict(experiment="switchover", title="A switchover", verdict=end, why=("because",))

    monkeypatch.setattr(command_module, "Run", Run)
    monkeypatch.setattr(unattended, "Run", Run)
    monkeypatch.setattr(unattended, "repair", lambda access, tell: None)
    monkeypatch.setattr(unattended.needs, "missing", lambda it, access: [])


@pytest.mark.parametrize(("verdict", "code"), [("pass", 0), ("fail", 1), ("unknown", 3)])
def test_the_verdict_is_the_exit_code(experiments, monkeypatch, verdict, code):
    ending(monkeypatch, verdict)
    assert experiments("run", "switchover") == code


@pytest.mark.parametrize("error", [Problem("refused", "look"), OSError(28, "full"), *UNFORESEEN])
def test_a_run_that_could_not_begin_is_exit_2(experiments, monkeypatch, error):
    ending(monkeypatch, error)
    assert experiments("run", "switchover") == 2


@pytest.mark.parametrize(("interrupt", "code"), [(KeyboardInterrupt(), 130), (SystemExit(143), 143)])
def test_an_interrupted_run_keeps_the_code_of_its_signal(experiments, monkeypatch, interrupt, code):
    ending(monkeypatch, interrupt)
    assert experiments("run", "switchover") == code


def test_runs_that_were_done_before_an_error_are_shown(experiments, monkeypatch, capsys):
    ending(monkeypatch, "pass", "fail", Problem("the lab is gone", "look"))
    assert experiments("run", "switchover", "--repeat", "3", "--json") == 2
    shown = capsys.readouterr()
    assert [row["verdict"] for row in json.loads(shown.out)["runs"]] == ["pass", "fail"]
    assert "the lab is gone" in shown.err


@pytest.mark.parametrize("error", UNFORESEEN, ids=lambda it: type(it).__name__)
def test_a_suite_goes_on_past_anything_and_says_so(experiments, monkeypatch, capsys, error):
    ending(monkeypatch, "pass", error, "pass")
    assert experiments("suite", "--only", "switchover,app_killed,proxy_killed", "--json") == 2
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["verdict"] for row in rows] == ["pass", "error", "pass"]
    assert type(error).__name__ in rows[1]["why"][0]


@pytest.mark.parametrize("raises", [KeyError("x"), RuntimeError("y")])
def test_a_suite_whose_repair_crashes_has_a_row_for_each_experiment(experiments, monkeypatch, capsys, raises):
    def crash(access, tell):
        raise raises

    ending(monkeypatch, "pass", "pass")
    monkeypatch.setattr(unattended, "repair", crash)
    assert experiments("suite", "--only", "switchover,app_killed", "--json") == 2
    found = json.loads(capsys.readouterr().out)
    assert [row["verdict"] for row in found["rows"]] == ["error", "error"]
    assert type(raises).__name__ in found["detail"]


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (None, 0), (False, 2)])
def test_the_doctor_finds_a_lab_error_or_none(experiments, monkeypatch, ok, code):
    check = {"what": "schema", "ok": ok, "found": "[it]", "needed_for": "every verdict"}
    monkeypatch.setattr(command_module, "examine", lambda access: {"checks": [check], "experiments": []})
    assert experiments("doctor") == code


def test_a_judge_that_crashes_is_inconclusive(experiments, monkeypatch, tmp_path, capsys):
    def crash(findings):
        raise KeyError("epoch")

    events = tmp_path / "events.jsonl"
    run = {"t": 1, "source": "runner", "host": None, "kind": "run", "format": 1, "experiment": "e", "title": "E"}
    run |= {"profile": {}, "topology": [], "expectations": []}
    events.write_text(json.dumps(run) + "\n")
    monkeypatch.setattr(again, "judge", crash)
    assert experiments("judge", str(events), "--report", str(tmp_path / "report")) == 3
    shown = capsys.readouterr()
    assert "UNKNOWN" in shown.out and "KeyError" in shown.out
    assert "Traceback" in shown.err
    assert "KeyError" in (tmp_path / "report/report.html").read_text()


@pytest.mark.parametrize("content", ["", "nonsense\n", "[]\n", '{"t": 1}\n'])
def test_a_file_that_is_no_recording_is_a_usage_error(experiments, tmp_path, content):
    events = tmp_path / "events.jsonl"
    events.write_text(content)
    assert experiments("judge", str(events)) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "nothing"),
        ("run",),
        ("show", "./nowhere.py"),
        ("suite", "--only", "switchover", "--quick"),
        ("suite", "--only", "nothing"),
        ("suite", "--only", ""),
        ("judge", "nowhere"),
        ("run", "switchover", "--abort-when-errors", "5"),
        ("run", "switchover", "--abort-when-errors", "100%"),
        ("suite", "--abort-when-errors", "5%/0s"),
        ("report", ".", "--junit", "x"),
        ("suite", "--only", "switchover", "--junit", f"{__file__}/junit.xml"),
        ("unheard",),
    ],
)
def test_wrong_usage_is_exit_2(experiments, arguments):
    assert experiments(*arguments) == 2


def test_every_listing_has_json(experiments, capsys):
    assert experiments("list", "--json") in (0, None)
    names = [row["name"] for row in json.loads(capsys.readouterr().out)]
    assert experiments("show", names[0], "--json") in (0, None)
    shown = json.loads(capsys.readouterr().out)
    assert shown["name"] == names[0]
    assert shown["steps"][0].startswith("wait")


def test_a_file_of_ones_own(experiments, monkeypatch, tmp_path, capsys):
    text = "from dataclasses import replace\nfrom firedrill.experiments.drills.switchover import EXPERIMENT as IT\n"
    (tmp_path / "mine.py").write_text(text + "EXPERIMENT = replace(IT, name='mine')\n")
    ending(monkeypatch, "pass")
    assert experiments("run", "./mine.py") == 0
    assert any(path.name.endswith("-mine") for path in Path("reports").iterdir())


def test_the_list_says_which_experiments_are_about_another_system(quick):
    rows = json.loads(quick("experiments", "-i", "inventories/mysql.py", "list", "--json").stdout)
    reasons = {row["name"]: row["not_here"] for row in rows}
    assert reasons["leader_power_cut"] == [] and "the process patroni" in reasons["patroni_killed"][0]
    shown = quick("experiments", "-i", "inventories/mysql.py", "list", COLUMNS="400").stdout
    assert "not on this cluster: it is about the process patroni, which MySQL group replication does not have" in shown

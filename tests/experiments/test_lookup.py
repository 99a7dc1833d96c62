"""An experiment is found by name, in a user's own file, or in an installed package."""

from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from firedrill import plugins
from firedrill.experiments import lookup
from firedrill.experiments.catalogue import BY_NAME_ONLY, EXPERIMENTS
from firedrill.experiments.drills.switchover import EXPERIMENT
from firedrill.inventories.errors import Problem

HEAD = """
from dataclasses import replace
from firedrill.experiments.drills.switchover import EXPERIMENT as SWITCHOVER
"""
ONE = HEAD + "EXPERIMENT = replace(SWITCHOVER, name='mine')"
TWO = HEAD + "EXPERIMENTS = [replace(SWITCHOVER, name='one'), replace(SWITCHOVER, name='two')]"


@pytest.fixture
def file(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / f"mine{len(list(tmp_path.iterdir()))}.py"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def installed(monkeypatch):
    """An installed package that registers an experiment."""

    def register(**points: str) -> None:
        made = {name: EntryPoint(name, value, plugins.EXPERIMENTS) for name, value in points.items()}
        monkeypatch.setattr(plugins, "registered", lambda group: made if group == plugins.EXPERIMENTS else {})

    return register


def test_one_of_the_catalogue():
    assert lookup.find("switchover") is EXPERIMENTS["switchover"]


def test_a_suite_leaves_out_what_falls_short_on_purpose():
    names = {it.name for it in lookup.of_a_suite()}
    assert names == EXPERIMENTS.keys() - set(BY_NAME_ONLY)
    assert {"leader_power_cut_async", "fence_without_refusal"} <= set(BY_NAME_ONLY)
    assert lookup.find("leader_power_cut_async").settings["synchronous_mode"] is False


def test_a_name_that_is_misspelt_gets_the_nearest_ones():
    with pytest.raises(Problem, match="no experiment 'switchovr': did you mean switchover?"):
        lookup.find("switchovr")


def test_the_only_one_of_a_file(file):
    assert lookup.find(str(file(ONE))).name == "mine"


def test_one_of_several_in_a_file(file):
    path = file(TWO)
    assert lookup.find(f"{path}:two").name == "two"
    assert [it.name for it in lookup.find_all(str(path))] == ["one", "two"]
    with pytest.raises(Problem, match=f"defines 2 experiments: name one of them: {path}:one, {path}:two"):
        lookup.find(str(path))
    with pytest.raises(Problem, match="defines no experiment 'three': it defines one, two"):
        lookup.find(f"{path}:three")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "defines no experiment"),
        ("EXPERIMENT = 1", "wanted an Experiment, found int"),
        ("import nonsense", "cannot be loaded .ModuleNotFoundError"),
        ("1/0", "cannot be loaded .ZeroDivisionError"),
        (HEAD + "EXPERIMENTS = [SWITCHOVER, SWITCHOVER]", "defines switchover twice"),
        (HEAD + "EXPERIMENT = replace(SWITCHOVER, steps=('wait',))", "has the step 'wait'"),
        (HEAD + "EXPERIMENT = replace(SWITCHOVER, expectations=({},))", "wanted an Expect, found"),
    ],
)
def test_a_file_that_would_break_a_run_is_refused_before(file, text, message):
    with pytest.raises(Problem, match=message):
        lookup.find(str(file(text)))


def test_a_file_that_is_not_there():
    with pytest.raises(Problem, match="no file .*nowhere.py"):
        lookup.find("./nowhere.py")


def test_one_of_an_installed_package(installed):
    installed(acme="firedrill.experiments.drills.leader_power_cut:EXPERIMENT")
    assert lookup.names()[-1] == "acme"
    assert lookup.find("acme").name == "leader_power_cut"
    assert len(lookup.known()) == len(EXPERIMENTS) + 1


def test_an_installed_package_that_registers_something_else(installed):
    installed(acme="firedrill.experiments.catalogue:QUICK")
    with pytest.raises(Problem, match="the entry point acme: wanted an Experiment, found list"):
        lookup.find("acme")


def test_every_drill_of_the_catalogue_would_be_accepted():
    for it in EXPERIMENTS.values():
        assert lookup._checked(it, "catalogue") is it
    with pytest.raises(Problem, match="is not a duration"):
        bound = next(expect for expect in EXPERIMENT.expectations if expect.metric == "rto_ms")
        lookup._checked(replace(EXPERIMENT, expectations=(replace(bound, metric="lost"),)), "catalogue")


def test_names_are_completed(quick):
    done = quick(
        "experiments", _EXPERIMENTS_COMPLETE="bash_complete", COMP_WORDS="experiments run switch", COMP_CWORD="2"
    )
    assert done.stdout.split() == ["plain,switchover"]
    done = quick(
        "experiments",
        _EXPERIMENTS_COMPLETE="bash_complete",
        COMP_WORDS="experiments suite --only app_killed,switch",
        COMP_CWORD="3",
    )
    assert done.stdout.split() == ["plain,app_killed,switchover"]

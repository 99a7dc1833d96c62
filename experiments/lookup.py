"""An experiment by its name: one of the catalogue, of an installed package (entry point), or of a user's own file.

A file defines EXPERIMENT, or EXPERIMENTS. An entry point of the group `firedrill.experiments` names an experiment.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from firedrill import plugins
from firedrill.experiments.catalogue import BY_NAME_ONLY, EXPERIMENTS
from firedrill.experiments.model import Bound, Expect, ExpectAlert, Experiment
from firedrill.experiments.steps import Inject, Switchover
from firedrill.inventories.errors import Problem


def names() -> list[str]:
    """The names of all experiments that need no file."""
    return [*EXPERIMENTS, *(name for name in plugins.registered(plugins.EXPERIMENTS) if name not in EXPERIMENTS)]


def known() -> list[Experiment]:
    """All experiments that need no file. Raises Problem if an installed package's cannot be loaded."""
    return [_named(name) for name in names()]


def of_a_suite() -> list[Experiment]:
    """All that a suite runs. Raises Problem like `known`."""
    return [it for it in known() if it.name not in BY_NAME_ONLY]


def find(text: str) -> Experiment:
    """The experiment NAME, FILE.py, or FILE.py:NAME. Raises Problem."""
    found = find_all(text)
    if len(found) > 1:
        choices = ", ".join(f"{text}:{it.name}" for it in found)
        raise Problem(f"{text} defines {len(found)} experiments", f"name one of them: {choices}")
    return found[0]


def find_all(text: str) -> list[Experiment]:
    """The experiment NAME, or all of FILE.py, or the one of them that FILE.py:NAME says. Raises Problem."""
    if not plugins.names_file(text):
        return [_named(text)]
    file, _, name = text.partition(":")
    found = _of_file(file)
    if not name:
        return found
    chosen = [it for it in found if it.name == name]
    if not chosen:
        raise Problem(f"{file} defines no experiment {name!r}", f"it defines {', '.join(it.name for it in found)}")
    return chosen


def _named(name: str) -> Experiment:
    if name in EXPERIMENTS:
        return EXPERIMENTS[name]
    if name in plugins.registered(plugins.EXPERIMENTS):
        return _checked(plugins.load(plugins.EXPERIMENTS, name), f"the entry point {name}")
    close = difflib.get_close_matches(name, names(), n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else "see `experiments list`."
    raise Problem(f"no experiment {name!r}", f"{hint} Your own is FILE.py or FILE.py:NAME")


def _of_file(file: str) -> list[Experiment]:
    module = plugins.module(Path(file))
    given: Any = getattr(module, "EXPERIMENTS", None) or getattr(module, "EXPERIMENT", None)
    if given is None:
        raise Problem(f"{file} defines no experiment", "define EXPERIMENT = Experiment(...), or a list EXPERIMENTS")
    listed = given.values() if isinstance(given, dict) else given if isinstance(given, Iterable) else [given]
    found = [_checked(it, file) for it in listed]
    twice = {it.name for it in found if [other.name for other in found].count(it.name) > 1}
    if twice:
        raise Problem(f"{file} defines {', '.join(sorted(twice))} twice", "give each experiment a name of its own")
    return found


def _checked(it: Any, where: str) -> Experiment:
    """Refuse what would break a run halfway. Raises Problem."""
    if not isinstance(it, Experiment):
        raise Problem(f"{where}: wanted an Experiment, found {type(it).__name__}", "see docs/writing-an-experiment.md")
    for step in it.steps:
        if not callable(getattr(step, "carry_out", None)):
            raise Problem(f"{where}: {it.name} has the step {step!r}", "a step has a method carry_out(run)")
    for expect in it.expectations:
        _check_expectation(expect, f"{where}: {it.name}")
    for alert in it.alerts:
        _check_alert(alert, it, f"{where}: {it.name}")
    return it


def _check_expectation(expect: Any, where: str) -> None:
    if not isinstance(expect, Expect):
        raise Problem(f"{where}: wanted an Expect, found {expect!r}", "see docs/writing-an-experiment.md")
    if isinstance(expect.wanted, Bound) and not expect.metric.endswith("_ms"):
        raise Problem(f"{where}: {expect.metric!r} is not a duration", "compare it with a number instead of a Bound")


def _check_alert(alert: Any, it: Experiment, where: str) -> None:
    if not isinstance(alert, ExpectAlert):
        raise Problem(f"{where}: wanted an ExpectAlert, found {alert!r}", "see docs/writing-an-experiment.md")
    faults = sum(isinstance(step, Inject | Switchover) for step in it.steps)
    if not 1 <= alert.fault <= max(faults, 1):
        raise Problem(
            f"{where}: {alert.name} is about fault {alert.fault} of {faults}", "count its Inject steps from 1"
        )

"""Experiments as parameters of a command, with shell completion of their names."""

from typing import Any

import click
from click.shell_completion import CompletionItem

from firedrill.experiments.lookup import find, find_all, names
from firedrill.experiments.model import Experiment


class ExperimentName(click.ParamType):
    """An experiment: a known name, FILE.py, or FILE.py:NAME. Shells complete the names."""

    name = "experiment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Experiment:
        return value if isinstance(value, Experiment) else find(str(value))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return _completions(incomplete, "")


class ExperimentNames(click.ParamType):
    """Several experiments, separated by commas."""

    name = "experiments"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[Experiment]:
        if isinstance(value, list):
            return value
        found = [it for text in str(value).split(",") if text.strip() for it in find_all(text.strip())]
        return found or self.fail("no experiment is named; see `experiments list`", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        return _completions(last, before + comma)


def _completions(incomplete: str, before: str) -> list[CompletionItem]:
    if "/" in incomplete or incomplete.startswith("."):
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(before + name) for name in names() if name.startswith(incomplete)]

"""Experiments and their stop condition as parameters of a command, with shell completion of experiments' names."""

import os
import re
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from firedrill.experiments.lookup import find, find_all, names
from firedrill.experiments.model import AbortWhen, Experiment
from firedrill.inventories.errors import Problem


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


class Abort(click.ParamType):
    """A stop condition: `5%`, or `5%/30s` for another time than the usual one."""

    name = "percent[/seconds]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> AbortWhen:
        if isinstance(value, AbortWhen):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)%(?:/(\d+(?:\.\d+)?)s)?", str(value), re.ASCII)
        if not found:
            return self.fail(f"{value!r} is not a percentage such as 5%, or 5%/30s", param, ctx)
        within = {"within_s": float(found[2])} if found[2] else {}
        try:
            return AbortWhen(float(found[1]) / 100, **within)
        except Problem as problem:
            return self.fail(str(problem), param, ctx)


def _completions(incomplete: str, before: str) -> list[CompletionItem]:
    if "/" in incomplete or incomplete.startswith("."):
        return [CompletionItem(incomplete, type="file")]
    return [CompletionItem(before + name) for name in names() if name.startswith(incomplete)]


def creatable(context: click.Context, option: click.Parameter, file: Path | None) -> Path | None:
    """Refuse a file that cannot be created, before a suite has run for an hour."""
    folder = next((parent for parent in file.absolute().parents if parent.exists()), None) if file else None
    if folder and not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise click.BadParameter(f"{file} cannot be created: {folder} is not a writable folder", context, option)
    return file

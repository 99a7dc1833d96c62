"""Lends the made-up run of judge/builder.py to the tests (which are imported each by itself, so not from a package)."""

import importlib.util
import sys
from pathlib import Path

import pytest

from firedrill.experiments.report import pictures, suite_plot, timeline_plot


@pytest.fixture(scope="session")
def builder():
    """The module tests/experiments/judge/builder.py."""
    spec = importlib.util.spec_from_file_location("builder", Path(__file__).parent / "judge" / "builder.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look for their module there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def without_pictures(monkeypatch):
    """Reports without their pictures, which take most of the time, for tests of something else."""
    for plot in (timeline_plot, suite_plot):
        monkeypatch.setattr(plot, "figure", lambda *_, **__: None)
    monkeypatch.setattr(pictures, "png", lambda *_: None)
    monkeypatch.setattr(pictures, "svg", lambda *_: "")

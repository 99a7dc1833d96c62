"""Recorded runs, and the verdicts that were made of them when they were recorded."""

import gzip
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "recordings"


def pytest_generate_tests(metafunc):
    """A test that takes `recording` is run for each of them."""
    if "recording" in metafunc.fixturenames:
        names = sorted(path.name.removesuffix(".events.jsonl.gz") for path in FOLDER.glob("*.events.jsonl.gz"))
        metafunc.parametrize("recording", names)


@pytest.fixture(scope="session")
def events_of():
    """The events of a recorded run, by its name."""

    def read(name):
        with gzip.open(FOLDER / f"{name}.events.jsonl.gz", "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    return read


@pytest.fixture(scope="session")
def verdict_of():
    """The recorded verdict of a run, by its name."""

    def read(name):
        with gzip.open(FOLDER / f"{name}.verdict.json.gz", "rt", encoding="utf-8") as file:
            return json.load(file)

    return read

"""The doctor leaves nothing behind, at whatever moment it is stopped."""

from unittest.mock import MagicMock

import pytest

from firedrill import package
from firedrill.cluster.system import View
from firedrill.experiments.catalogue import EXPERIMENTS
from firedrill.experiments.observe import node_probe, write_probe
from firedrill.experiments.run.doctor import drills, observers, schema
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import NAMES, Secrets


@pytest.fixture
def dialect(monkeypatch) -> MagicMock:
    """Of a system whose database has no tables of the probes'."""
    found = MagicMock()
    found.dialect.tables_exist.return_value = False
    monkeypatch.setattr(schema, "system_of", lambda _: found)
    return found.dialect


def test_a_schema_that_was_half_made_when_it_was_interrupted_is_dropped(dialect, monkeypatch):
    monkeypatch.setattr(schema.tables, "prepare", MagicMock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt), schema.usable(MagicMock()):
        pass
    dialect.drop_tables.assert_called_once()


def test_a_schema_that_cannot_be_made_is_reported(dialect, monkeypatch):
    failure = Problem("the probes' tables cannot be created (read-only)", "repair it")
    monkeypatch.setattr(schema.tables, "prepare", MagicMock(side_effect=failure))
    with schema.usable(MagicMock()) as made:
        assert (made.ok, "read-only" in made.found) == (False, True)


def test_a_schema_that_was_there_stays(dialect, monkeypatch):
    dialect.tables_exist.return_value = True
    monkeypatch.setattr(schema.tables, "prepare", lambda _: None)
    with schema.usable(MagicMock()) as made:
        assert made.ok
    dialect.drop_tables.assert_not_called()


def test_observers_that_were_started_when_it_was_interrupted_are_ended(dialect, monkeypatch):
    started, ended = [], []

    def start(name, *_):
        if started:
            raise KeyboardInterrupt
        started.append(name)
        return name

    dialect.tables_exist.return_value = True
    monkeypatch.setattr(schema.tables, "prepare", lambda _: None)
    monkeypatch.setattr(observers.catalogue, "usual", lambda _: [write_probe.OBSERVER, node_probe.OBSERVER])
    monkeypatch.setattr(observers.process, "start", start)
    monkeypatch.setattr(observers.process, "stop", ended.extend)
    with pytest.raises(KeyboardInterrupt):
        observers.checks(MagicMock())
    assert ended == started == ["write_probe"]


def test_what_a_drill_is_about_and_the_cluster_does_not_have_is_its_reason():
    lab = Access(read(package.file("inventories/lab.py")), Secrets(dict.fromkeys(NAMES, "x")))
    found = drills.possible(EXPERIMENTS["fence_judge_down"], lab, View(()), (), {})
    assert (found["can"], found["why"]) == (
        "no",
        ["it is about the fence (quorum or power), and `fence` is off in the inventory"],
    )

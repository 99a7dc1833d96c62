"""The doctor leaves nothing behind, at whatever moment it is stopped."""

from unittest.mock import MagicMock

import pytest

from firedrill.experiments.run.doctor import observers, schema
from firedrill.inventories.errors import Problem


@pytest.fixture
def statements(monkeypatch) -> list[str]:
    """What is asked of a database that takes everything."""
    connection = MagicMock()
    connection.__enter__.return_value = connection
    monkeypatch.setattr(schema.psycopg, "connect", lambda **_: connection)
    found = []
    connection.execute.side_effect = found.append
    return found


def test_a_schema_that_was_half_made_when_it_was_interrupted_is_dropped(statements, monkeypatch):
    made = []

    def interrupted(_):
        made.append("the schema, without its tables")
        raise KeyboardInterrupt

    monkeypatch.setattr(schema.tables, "there", lambda _: bool(made))
    monkeypatch.setattr(schema.tables, "prepare", interrupted)
    with pytest.raises(KeyboardInterrupt), schema.usable(MagicMock()):
        pass
    assert statements == [schema.DROP]


def test_where_none_could_be_made_that_is_told(statements, monkeypatch):
    def refused(_):
        raise Problem("the probes' tables cannot be made (read-only)", "repair it")

    monkeypatch.setattr(schema.tables, "there", lambda _: False)
    monkeypatch.setattr(schema.tables, "prepare", refused)
    with schema.usable(MagicMock()) as made:
        assert (made.ok, "read-only" in made.found) == (False, True)
    assert statements == []


def test_a_schema_that_was_there_stays(statements, monkeypatch):
    monkeypatch.setattr(schema.tables, "there", lambda _: True)
    monkeypatch.setattr(schema.tables, "prepare", lambda _: None)
    with schema.usable(MagicMock()) as made:
        assert made.ok
    assert statements == []


def test_observers_that_were_started_when_it_was_interrupted_are_ended(statements, monkeypatch):
    started, ended = [], []

    def start(name, *_):
        if started:
            raise KeyboardInterrupt
        started.append(name)
        return name

    monkeypatch.setattr(schema.tables, "there", lambda _: True)
    monkeypatch.setattr(schema.tables, "prepare", lambda _: None)
    monkeypatch.setattr(observers.fit, "unobserved", lambda _: [])
    monkeypatch.setattr(observers.process, "start", start)
    monkeypatch.setattr(observers.process, "stop", ended.extend)
    with pytest.raises(KeyboardInterrupt):
        observers.checks(MagicMock())
    assert ended == started == ["write_probe"]

"""No text of a host, a file or a flag controls the terminal that it is shown on."""

import unicodedata

import click
import pytest
from hypothesis import given

from firedrill.inventories import command
from firedrill.inventories.errors import Problem
from tests.fuzz import HOSTILE, TEXTS, few


def harmless(shown: str) -> bool:
    return all(c in "\n\t" or unicodedata.category(c)[0] != "C" for c in shown)


@few(60)
@given(text=TEXTS)
def test_progress(capsys, text):
    command.tell(text)
    shown = capsys.readouterr()
    assert harmless(shown.err) and not shown.out


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_an_error(capsys, monkeypatch, text):
    @click.command()
    def refused() -> None:
        raise Problem(text, text)

    monkeypatch.setattr("sys.argv", ["faults"])
    with pytest.raises(SystemExit, match="2"):
        command.console_script(refused, "faults")()
    assert harmless(capsys.readouterr().err)

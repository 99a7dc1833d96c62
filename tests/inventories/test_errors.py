"""Exit codes of all commands: 1 belongs to a system under test that fell short, and to nothing else."""

import errno
import io
import sys

import click
import pytest

from firedrill.inventories.command import console_script
from firedrill.inventories.errors import Problem


def exit_of(raised: BaseException | None, value: int | None = None) -> int | str | None:
    @click.group()
    def cli() -> None:
        pass

    @cli.command()
    def act() -> int | None:
        if raised:
            raise raised
        return value

    cli.main = lambda prog_name, standalone_mode: click.Group.main(cli, ["act"], prog_name, None, standalone_mode)
    with pytest.raises(SystemExit) as exit_info:
        console_script(cli, "made")()
    return exit_info.value.code


@pytest.mark.parametrize(
    ("raised", "line"),
    [
        (Problem("db1 is off", "switch it on"), "made: db1 is off: switch it on\n"),
        (OSError(22, "Invalid argument", "/x"), "made: /x: Invalid argument\n"),
        (click.ClickException("nonsense"), "Error: nonsense\n"),
        (click.UsageError("nonsense"), "Error: nonsense\n"),
    ],
)
def test_what_a_user_can_fix_is_console_script_and_exit_2(capsys, raised, line):
    assert exit_of(raised) == 2
    shown = capsys.readouterr().err
    assert shown.endswith(line)
    assert "Traceback" not in shown


@pytest.mark.parametrize("raised", [KeyError("holder"), RuntimeError("x"), AssertionError()])
def test_anything_unforeseen_keeps_its_traceback_and_is_not_exit_1(capsys, raised):
    assert exit_of(raised) == 2
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert shown.endswith("made: this is a bug in Firedrill; please report it\n")


def test_ctrl_c_and_sigterm_keep_their_codes():
    assert exit_of(KeyboardInterrupt()) == 130
    assert exit_of(SystemExit(143)) == 143


@pytest.mark.parametrize("code", [0, 1, 3, None])
def test_a_commands_own_code_is_the_exit_code(code):
    assert exit_of(None, code) == code


@pytest.mark.parametrize("name", ["lab", "faults", "experiments"])
def test_every_command_tells_its_version(quick, name):
    done = quick(name, "--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, name)


def test_a_reader_that_has_gone_is_not_a_system_that_fell_short(capsys):
    """As of `experiments list | head -1`: click itself exits with 1."""
    assert exit_of(BrokenPipeError(errno.EPIPE, "Broken pipe")) == 2


@pytest.mark.parametrize("signal", [130, 143])
def test_an_exit_by_a_signal_keeps_its_code(signal):
    assert exit_of(SystemExit(signal)) == signal


def test_any_text_is_printed_in_any_encoding(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", errors="strict"))
    assert exit_of(None, 0) == 0
    print("Größe: 1 °C", flush=True)
    assert written.getvalue() == b"Gr\\xf6\\xdfe: 1 \\xb0C\n"

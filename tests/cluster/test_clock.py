"""One clock for a run: what steps and suspends the machine does to it, and how a child process gets it."""

import ast
import subprocess
import sys
import time

import pytest

from firedrill import package
from firedrill.cluster import clock
from tests.machine import SECOND, installed


def test_it_is_the_wall_clock_as_long_as_nobody_sets_that():
    assert abs(clock.now() - time.time_ns()) < SECOND or clock.lead(clock.read())


@pytest.mark.parametrize("seconds", [2, -2, -90, 3600])
def test_a_step_of_the_wall_clock_moves_no_moment(monkeypatch, seconds):
    machine = installed(monkeypatch)
    began = clock.now()
    machine.pass_time(SECOND)
    machine.step(seconds * SECOND)
    machine.pass_time(SECOND)
    assert clock.now() - began == 2 * SECOND
    assert clock.lead(clock.read()) == seconds * SECOND


def test_the_wall_clock_of_another_program_is_mapped(monkeypatch):
    machine = installed(monkeypatch)
    machine.step(-90 * SECOND)
    assert clock.of_wall(machine.wall) == clock.now()


def test_it_goes_on_while_the_machine_is_suspended(monkeypatch):
    machine = installed(monkeypatch)
    began = clock.now()
    machine.suspend(60 * SECOND)
    assert clock.now() - began == 60 * SECOND


def test_a_new_run_has_a_new_origin(monkeypatch):
    machine = installed(monkeypatch)
    machine.step(5 * SECOND)
    clock.begin()
    assert clock.now() == machine.wall


@pytest.mark.parametrize("given, taken", [("-12345", -12345), ("1_000", None), ("1e9", None), ("", None), ("٣", None)])
def test_only_a_number_is_an_origin(monkeypatch, given, taken):
    monkeypatch.setenv(clock.ORIGIN, given)
    assert clock._handed_over() == taken


ROOMS = ("cluster", "faults", "experiments", "loadtests")
NAMES = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today", "time.clock_gettime_ns"}


@pytest.mark.parametrize("room", ROOMS)
def test_nothing_else_reads_the_wall_clock(room):
    for file in (package.FOLDER / room).resolve().rglob("*.py"):
        if "programs" not in file.parts and (room, file.name) != ("cluster", "clock.py"):  # programs run on hosts
            tree = ast.parse(file.read_text())
            found = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & NAMES
            assert not found, f"{file}: {found}, wanted firedrill.cluster.clock"


def test_a_child_process_has_the_clock_of_its_parent(monkeypatch):
    monkeypatch.setattr(clock, "_origin", clock._origin + 1000 * SECOND)
    environment = package.environment(**clock.environment())
    program = "from firedrill.cluster import clock; print(clock.now())"
    began = clock.now()
    shown = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert began < int(shown.stdout) < clock.now()

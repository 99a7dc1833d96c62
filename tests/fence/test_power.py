"""Power devices that work, fail, hang, lie or are slow. Only a reported `off` counts."""

import time

import pytest

from firedrill.fence.power import Device, run


def device(tmp_path, off="echo off >$state", status="cat $state", seconds=3.0):
    state = tmp_path / "state"
    state.write_text("Chassis Power is on\n")
    commands = {
        what: ("sh", "-c", f"state={state}; name=$0; {script}", "{name}")
        for what, script in (("status", status), ("off", off))
    }
    return Device(commands, seconds)


WORKS = {
    "off at once": {},
    "off later than the command returns": {"off": "{ sleep 0.5; echo Status: OFF >$state; } >/dev/null 2>&1 &"},
    "the command fails, the host is off": {"off": "echo off >$state; exit 1"},
    "it was off": {"status": "echo power is OFF", "off": "exit 1"},
    "of that host": {"off": 'test "$name" = db1 && echo off >$state'},
}
REFUSED = {
    "fails": ({"off": "exit 3"}, "on (the command ended with exit code 3)"),
    "hangs": ({"off": "sleep 60", "seconds": 1.5}, "on (the command failed: no answer within"),
    "lies": ({"off": "true", "seconds": 5.0}, "but on"),
    "has no status": ({"status": "exit 1"}, "nothing that is on or off (exit code 1)"),
    "has another status": ({"status": "echo standby"}, "nothing that is on or off (exit code 0)"),
    "says off and fails": ({"status": "echo off; exit 1"}, "nothing that is on or off (exit code 1)"),
    "status hangs": ({"status": "sleep 60", "seconds": 1.0}, "no answer within"),
}


@pytest.mark.parametrize("case", WORKS)
def test_a_host_that_the_device_reports_as_off_is_off(tmp_path, case):
    assert device(tmp_path, **WORKS[case]).off("db1", "192.0.2.21") is None


@pytest.mark.parametrize("case", REFUSED)
def test_anything_else_is_refused(tmp_path, case):
    options, wanted = REFUSED[case]
    refused = device(tmp_path, **options).off("db1", "192.0.2.21")
    assert refused is not None and wanted in refused.reason


def test_a_device_that_hangs_is_given_up_after_the_deadline(tmp_path):
    began = time.monotonic()
    device(tmp_path, off="sleep 60 & sleep 60", status="cat $state", seconds=1.0).off("db1", "192.0.2.21")
    assert time.monotonic() - began < 30


def test_a_missing_program_is_refused():
    found = Device({"status": ("/no/such/program",), "off": ("/no/such/program",)}, 1).off("db1", "192.0.2.21")
    assert found is not None and "/no/such/program" in found.reason


def test_output_and_exit_code():
    assert run(("sh", "-c", "echo on; exit 4"), 10) == (4, "on\n")

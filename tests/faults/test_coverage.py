"""For every fault: a test that it bites and heals, one that it heals without its controller, one for bad arguments."""

import ast
from pathlib import Path

import pytest

from firedrill.faults.catalogue import FAULTS
from tests.faults.test_bad_arguments import BAD

HERE = Path(__file__).parent
CASES = "test_bites_and_heals.py::test_it_bites_and_heals"
ALL_AT_ONCE = "test_bites_and_heals.py::test_all_heal_by_themselves_when_their_controller_is_killed"
ALONE = "test_bites_and_heals.py::test_what_does_not_go_with_others_heals_by_itself_too"
NETEM = "test_own_kernel.py::test_netem_bites_and_heals"
CLOCK = "test_own_kernel.py::test_the_clock_bites_and_heals"
OWN_KERNEL = "test_own_kernel.py::test_all_heal_by_themselves_when_their_controller_is_killed"
MORE_OF_IT = "vms/test_without_controller.py::test_all_heal_by_themselves"
POWER = "test_on_hosts.py::test_power_faults_bite_and_heal"
CUT_ALONE = "test_on_hosts.py::test_a_power_cut_heals_by_itself_when_its_controller_is_killed_at_any_step"
POWER_ALONE = "test_promises.py::test_power_faults_heal_by_themselves_when_their_controller_is_killed"
# Bites and heals; heals by itself when its controller is killed.
TESTS = {
    "power_cut": (
        POWER,
        "test_on_hosts.py::test_a_power_cut_heals_by_itself_when_its_controller_is_killed_at_any_step",
    ),
    "poweroff": (POWER, POWER_ALONE),
    "reboot": ("test_promises.py::test_a_host_reboots", POWER_ALONE),
    "pause": ("test_promises.py::test_a_whole_host_is_paused_and_goes_on", POWER_ALONE),
    "kill": ("test_on_hosts.py::test_kill_bites_and_heals", ALONE),
    "freeze": (CASES, ALL_AT_ONCE),
    "stop_service": (CASES, ALONE),
    "crash_loop": (CASES, ALONE),
    "corrupt": (NETEM, OWN_KERNEL),
    "loss": (CASES, ALL_AT_ONCE),
    "delay": (NETEM, OWN_KERNEL),
    "duplicate": (NETEM, MORE_OF_IT),
    "reorder": (NETEM, MORE_OF_IT),
    "rate": (NETEM, MORE_OF_IT),
    "partition": (CASES, ALL_AT_ONCE),
    "drop": (CASES, ALL_AT_ONCE),
    "reject": (CASES, ALL_AT_ONCE),
    "dns": (CASES, ALL_AT_ONCE),
    "cpu": (CASES, ALL_AT_ONCE),
    "memory": (CASES, ALL_AT_ONCE),
    "disk_io": (CASES, ALL_AT_ONCE),
    "disk_full": (CASES, ALL_AT_ONCE),
    "fd_exhaust": (CASES, ALL_AT_ONCE),
    "clock_jump": (CLOCK, OWN_KERNEL),
    "clock_drift": (CLOCK, MORE_OF_IT),
    "etcd_quorum_loss": (
        "test_promises.py::test_etcd_loses_its_quorum_and_gets_it_back",
        "test_promises.py::test_a_quorum_comes_back_by_itself_when_its_controller_is_killed",
    ),
    "replication_break": (
        "test_replication.py::test_it_bites_and_heals",
        "test_replication.py::test_it_heals_by_itself_when_its_controller_is_killed",
    ),
    "command": ("test_on_hosts.py::test_your_own_command_bites_and_heals", ALONE),
}
# Of these the inventory says all there is to say.
WITHOUT_OPTIONS = {"poweroff", "pause"}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_its_tests(name):
    for test in TESTS[name]:
        module, function = test.split("::")
        source = (HERE / module).read_text()
        assert function in {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}, test
        assert f'"{name}"' in source, f"{test} is not about {name}"
    assert name in WITHOUT_OPTIONS or name in {bad for bad, _, _ in BAD}


def test_no_fault_is_listed_that_is_none():
    assert set(TESTS) == set(FAULTS)

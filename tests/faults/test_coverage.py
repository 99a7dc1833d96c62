"""Each fault has a lab test that injects it, one that heals it without its controller, and one that refuses it.

A test counts for a fault only where the test itself, or the table that it is parametrized by, names the fault as the
one that it injects.
"""

import ast
from functools import cache
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
STORAGE = "vms/test_storage.py::test_it_bites_and_heals"
POWER = "test_on_hosts.py::test_power_faults_bite_and_heal"
POWER_ALONE = "test_promises.py::test_power_faults_heal_by_themselves_when_their_controller_is_killed"
# Bites and heals; heals by itself when its controller is killed.
TESTS = {
    "power_cut": (
        POWER, "test_on_hosts.py::test_a_power_cut_heals_by_itself_at_whatever_step_its_controller_is_killed",
    ),
    "poweroff": (POWER, POWER_ALONE),
    "reboot": ("test_promises.py::test_a_host_reboots", POWER_ALONE),
    "pause": ("test_promises.py::test_a_whole_host_is_paused_and_goes_on", POWER_ALONE),
    "kill": ("test_on_hosts.py::test_kill_bites_and_heals", ALONE),
    "freeze": (CASES, ALL_AT_ONCE),
    "freeze_loop": (CASES, ALONE),
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
    "storage_hang": (STORAGE, MORE_OF_IT),
    "storage_read_only": (STORAGE, MORE_OF_IT),
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
    "switchover": (
        "test_switchover.py::test_another_member_leads_and_nothing_is_left",
        "test_switchover.py::test_what_a_killed_controller_left_is_healed",
    ),
    "command": ("test_on_hosts.py::test_your_own_command_bites_and_heals", ALONE),
}  # fmt: skip
REFUSED = (
    "test_promises.py::test_what_a_host_cannot_is_refused_before_anything_is_touched",
    "test_on_hosts.py::test_what_ssh_and_the_undo_depend_on_is_refused",
    "test_refusals.py::test_a_power_fault_needs_the_commands",
)
INJECTING = ("inject", "controller", "start_controller", "faults", "Case")


@cache
def module(name: str) -> tuple[dict[str, ast.FunctionDef], dict[str, ast.expr]]:
    """The functions of a test module, and its tables by name."""
    body = ast.parse((HERE / name).read_text()).body
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    tables = {
        target.id: node.value
        for node in body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return functions, tables


def subjects(test: str) -> set[str]:
    """The faults that a test injects: named first in a call that injects, or first in a row of its table."""
    name, function = test.split("::")
    functions, tables = module(name)
    assert function in functions, f"there is no {test}"
    node = functions[function]
    assert any(isinstance(one, ast.Call) and _name(one) in INJECTING for one in ast.walk(node)) or test in REFUSED, test
    used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    trees = [node, *(value for key, value in tables.items() if key in used)]
    return {word for tree in trees for one in ast.walk(tree) for word in _first(one)} & set(FAULTS)


def _name(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _first(node: ast.AST) -> list[str]:
    """The texts in the place of a fault: of a call that injects, of a row, of a list of faults."""
    if isinstance(node, ast.Call) and _name(node) in INJECTING:
        words = [word.value for word in node.args if isinstance(word, ast.Constant)]
        return words[1:2] if words[:1] == ["inject"] else words[:1]
    if isinstance(node, ast.Call) and _name(node) == "parametrize" and _text(node.args[0]) == "fault":
        return [_text(word) for word in getattr(node.args[1], "elts", [])]
    if isinstance(node, ast.Tuple | ast.List) and node.elts:
        return [_text(node.elts[0])]
    return []


def _text(node: ast.AST) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_injected_and_healed(name):
    for test in TESTS[name]:
        assert name in subjects(test), f"{test} does not inject {name}"


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_refused(name):
    refused = {bad for bad, _, _ in BAD} | {one for test in REFUSED for one in subjects(test)}
    assert name in refused


def test_a_name_elsewhere_in_a_file_does_not_count():
    assert "corrupt" not in subjects(CASES)
    assert "drop" not in subjects(NETEM)
    assert subjects(POWER) == {"power_cut", "poweroff"}


def test_no_fault_is_listed_that_is_none():
    assert set(TESTS) == set(FAULTS)

"""The compact cluster with a host that monitors it, on real hosts: one lab for all tests of this folder."""

import pytest

from firedrill.experiments.run import steady_state
from firedrill.inventories.access import Access, access
from firedrill.inventories.read import read
from tests.labs import place

SECONDS = 180
MONITOR = """
monitor = [_host("mon1", 51)]
all = (all[0] + monitor, all[1])
"""


@pytest.fixture(scope="package")
def monitored(like_lab, lab_up, deploy):
    """The inventory file of the monitored cluster, deployed."""
    file = like_lab(*place("monitor"), source="compact")
    file.write_text(file.read_text() + MONITOR)
    with lab_up(file):
        deploy(file)
        yield file


@pytest.fixture(scope="package")
def ways(monitored) -> Access:
    there = access(read(monitored))
    state, _ = steady_state.wait(there, SECONDS, print)
    assert state.ok, state.detail
    return there

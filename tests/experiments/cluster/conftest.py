"""The full cluster on real hosts, made once for all tests of this folder."""

import pytest

from firedrill.experiments.run import steady_state
from firedrill.inventories.access import Access, access
from firedrill.inventories.read import read
from tests.experiments.cluster.helpers import WHOLE_SECONDS
from tests.labs import place

NAME, SUBNET = place("cluster", 3)


@pytest.fixture(scope="package")
def inventory(like_lab, command):
    file = like_lab(NAME, SUBNET)
    done = command("lab", "-i", file, "up", seconds=600)
    assert done.returncode == 0, done.stderr
    yield file
    command("lab", "-i", file, "down")


@pytest.fixture(scope="package")
def deployed(inventory, command):
    done = command("pyinfra", "-y", inventory, "deploy/cluster.py", seconds=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return inventory


@pytest.fixture(scope="package")
def ways(deployed) -> Access:
    return access(read(deployed))


@pytest.fixture
def sound(ways):
    """A cluster that is whole before the test, and again after it."""
    state, _ = steady_state.wait(ways, WHOLE_SECONDS, print)
    assert state.ok, state.detail
    yield ways
    state, _ = steady_state.wait(ways, WHOLE_SECONDS, print)
    assert state.ok, state.detail

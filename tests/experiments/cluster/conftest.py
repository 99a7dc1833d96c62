"""The full cluster on real hosts, made once for each module of this folder."""

import pytest

from firedrill.experiments.run import steady_state
from firedrill.inventories.access import Access, access
from firedrill.inventories.read import read
from tests.experiments.cluster.helpers import WHOLE_SECONDS
from tests.labs import USER, place

LIKE = {
    "cluster": {"data": USER},
    "fence": {"data": {"fence": "quorum"}, "only": ("etcd1", "etcd2", "etcd3", "db1", "db2", "db3", "lb1", "lb2")},
}


@pytest.fixture(scope="module")
def deployed(request, like_lab, lab_up, deploy):
    """The inventory file of the lab that the module is marked with."""
    (name,) = request.node.get_closest_marker("lab").args
    # A deploy, a drill with its observers and logs, and all else as an ordinary user, too.
    with lab_up(like_lab(*place(name), **LIKE.get(name, {}))) as file:
        deploy(file)
        yield file


@pytest.fixture(scope="module")
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

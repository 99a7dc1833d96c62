"""A database system of the user's own, named by the inventory."""

import pytest

from firedrill.cluster import own
from firedrill.cluster.systems import system_of
from firedrill.inventories.errors import InventoryProblem, Problem
from firedrill.inventories.read import Host

MINE = """
from firedrill.cluster.patroni.system import Patroni


class Mine(Patroni):
    name = "mine"
    title = "Our own"


SYSTEM = Mine()
LESS = object()
"""


@pytest.fixture
def mine(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    return file


def host(system):
    return Host("db1", "192.0.2.1", ("postgres",), {"system": str(system)})


def test_a_system_in_a_file_is_used(mine):
    assert system_of(host(f"{mine}:SYSTEM")).title == "Our own"


@pytest.mark.parametrize(
    ("name", "cause"), [("LESS", "has no .*switchover"), ("Mine", "is a class"), ("Other", "defines no 'Other'")]
)
def test_what_is_no_system_is_refused(mine, name, cause):
    with pytest.raises(Problem, match=cause):
        system_of(host(f"{mine}:{name}"))


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(InventoryProblem, match="unknown system 'oracle'.*patroni"):
        system_of(host("oracle"))


def test_everything_that_a_system_answers_is_asked_for():
    assert {"name", "dialect", "observers", "view", "switchover", "predict"} <= own.asked()

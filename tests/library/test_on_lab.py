"""A fault from a user's file, on hosts made with the wheel: nothing but the ledger knows where it came from."""

import json
import time

import pytest

pytestmark = pytest.mark.lab("library")

NAP = '''\
from dataclasses import dataclass
from typing import ClassVar

from firedrill.faults.power.pause import Pause


@dataclass(frozen=True)
class Nap(Pause):
    """A short pause."""

    kind: ClassVar[str] = "our own"
'''


@pytest.fixture
def user(users_lab):
    (users_lab.folder / "nap.py").write_text(NAP)
    return users_lab


def active(user):
    return json.loads(user("faults", "status", "--json"))["active"]


def test_another_process_heals_it(user):
    user("faults", "inject", "./nap.py:Nap", "db2", "--for", "90s", "--unsteady")
    [row] = active(user)
    assert row["fault"] == f"{user.folder}/nap.py:Nap"
    user("faults", "heal", row["id"])
    assert active(user) == []


def test_the_process_at_the_controller_heals_it_at_its_limit(user):
    user("faults", "inject", "./nap.py:Nap", "db2", "--for", "5s", "--unsteady")
    deadline = time.monotonic() + 60
    while active(user) and time.monotonic() < deadline:
        time.sleep(1)
    assert active(user) == []
    assert (
        next(row["state"] for row in json.loads(user("lab", "status", "--json")) if row["name"] == "db2") == "running"
    )

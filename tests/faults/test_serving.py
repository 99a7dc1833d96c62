"""Clean means that what served before the fault serves again; by the cause where it does not."""

import re
from dataclasses import replace

import pytest

from firedrill.faults import ledger, serving
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import NotClean, Target
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Host, Inventory
from firedrill.inventories.secrets import Secrets


class System:
    """Answers from a list, the last one for ever; notes what was asked."""

    def __init__(self, *answers: dict[str, str | None]) -> None:
        self.answers, self.asked = list(answers), []

    def serves(self, access, host, *, decides):
        self.asked.append(decides)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Problem):
            raise found
        return found


@pytest.fixture
def target(tmp_path) -> Target:
    data = {"secrets_file": str(tmp_path / "secrets.json"), "cluster": "c", "deadlines": {"serve": 0.1}}
    host = Host("db1", "10.0.0.1", ("postgres",), data)
    access = Access(Inventory(tmp_path / "x.py", (host, replace(host, name="db2", address="10.0.0.2"))), Secrets())
    return Target("0badcafe", "db1", host, access, 60, before={"serves": {"PostgreSQL": None, "Patroni": None}})


@pytest.fixture
def system(monkeypatch):
    def use(*answers: dict[str, str | None]) -> System:
        found = System(*answers)
        monkeypatch.setattr(serving, "system_of", lambda host: found)
        monkeypatch.setattr(serving, "STEP_S", 0.01)
        return found

    return use


WELL = {"PostgreSQL": None, "Patroni": None}
SICK = WELL | {"PostgreSQL": "failed: 28000: no pg_hba.conf entry\x1b[2J"}


def other(target: Target, host: str) -> None:
    entry = Entry("11111111", "freeze", {}, host, host, "x.py", 1.0, 2.0, {})
    ledger.write(target.access.inventory, entry)


def test_a_service_that_recovers_in_time_is_clean(target, system):
    it = system(SICK, SICK, WELL)
    assert serving.prove(target) == "Patroni, PostgreSQL serve again"
    assert it.asked == [True] * 3


def test_one_that_does_not_is_not_clean_with_the_cause(target, system):
    system(SICK)
    wanted = r"db1: PostgreSQL does not serve: failed: 28000: no pg_hba.conf entry\x1b[2J, 0.1 s after healing"
    with pytest.raises(NotClean, match=re.escape(wanted)):
        serving.prove(target)


def test_what_cannot_be_asked_before_keeps_nobody_from_injecting(target, system):
    system(Problem("no password for sql", ""), WELL)
    before = replace(target, before=serving.note(target))
    assert before.before["serves"] == {"what it serves": "no password for sql"}
    assert serving.prove(before) == ""


def test_what_cannot_be_asked_afterwards_is_not_clean(target, system):
    system(Problem("no password for sql", ""))
    with pytest.raises(NotClean, match="Patroni does not serve: no password for sql"):
        serving.prove(target)


def test_what_did_not_serve_before_is_not_blamed(target, system):
    system(SICK)
    before = replace(target, before=serving.note(target))
    assert before.before["serves"]["PostgreSQL"].startswith("failed")
    assert serving.prove(before) == "Patroni serves again"
    assert serving.prove(replace(target, before={})) == "", "a record of an older version"


def test_while_another_fault_is_active_elsewhere_only_the_host_itself_is_asked(target, system):
    other(target, "db2")
    it = system(WELL)
    assert serving.prove(target) == "Patroni, PostgreSQL serve again"
    assert it.asked == [False]


def test_those_that_are_healed_at_the_same_time_are_not_active(target, system):
    other(target, "db1")
    it = system(SICK, WELL)
    assert serving.prove(target, ["0badcafe", "11111111"]) == "Patroni, PostgreSQL serve again"
    assert it.asked == [True, True]


def test_what_another_fault_on_the_host_broke_has_to_serve_in_the_end(target, system):
    entry = Entry("11111111", "freeze", {}, "db1", "db1", "x.py", 1.0, 2.0, {"serves": WELL})
    ledger.write(target.access.inventory, entry)
    system(SICK)
    assert serving.note(target) == {"serves": WELL}


def test_while_another_fault_is_active_on_the_host_nothing_is_asked(target, system):
    other(target, "db1")
    it = system(SICK)
    assert serving.prove(target) == "not tested whether it serves: freeze 11111111 is active on it"
    assert it.asked == []

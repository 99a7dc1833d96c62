"""The protocol of a database system: another one, in memory, goes through everything that asks for it."""

import json
from dataclasses import replace

import pytest

from firedrill import package
from firedrill.cluster import own, systems
from firedrill.cluster.patroni import checks
from firedrill.cluster.system import MAY_CONFIGURE
from firedrill.cluster.systems import SYSTEMS, system_of
from firedrill.experiments.model import Load
from firedrill.experiments.observe import catalogue, tables
from firedrill.experiments.observe.writer import Writer
from firedrill.experiments.run import repair, settings, steady_state
from firedrill.faults import processes, steady, targets
from firedrill.inventories.access import Access
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.cluster.memory import Memory

MEMBERS = sorted(own.asked())


@pytest.fixture
def memory(monkeypatch) -> Memory:
    found = Memory()
    monkeypatch.setitem(SYSTEMS, "memory", found)
    return found


@pytest.fixture
def access(memory, tmp_path) -> Access:
    """The lab's inventory, as if its databases were of the other system."""
    inventory = read(package.file("inventories/lab.py"))
    data = {"system": "memory", "secrets_file": str(tmp_path / "secrets.json")}
    hosts = tuple(replace(host, data=host.data | data) for host in inventory.hosts)
    return Access(replace(inventory, hosts=hosts), Secrets())


@pytest.mark.parametrize("name", sorted(SYSTEMS))
def test_every_row_is_complete(name):
    assert own.asked() <= set(dir(SYSTEMS[name]))
    assert SYSTEMS[name].name == name
    assert {row.name for row in SYSTEMS[name].observers} >= {"leadership", "members"}


@pytest.mark.parametrize("member", MEMBERS)
def test_a_system_that_lacks_anything_is_refused(member, access, tmp_path):
    file = tmp_path / f"mine_{member}.py"
    file.write_text(
        "from types import SimpleNamespace\nfrom tests.cluster.memory import Memory\ncomplete = Memory()\n"
        f"names = [name for name in dir(complete) if not name.startswith('_') and name != {member!r}]\n"
        "MINE = SimpleNamespace(**{name: getattr(complete, name) for name in names})\n"
    )
    host = replace(access.inventory.hosts[0], data=access.data | {"system": f"{file}:MINE"})
    with pytest.raises(InventoryProblem, match=f"has no {member}:"):
        system_of(host)


def test_without_a_word_about_it_the_system_is_patroni():
    assert system_of(read(package.file("inventories/lab.py"))) is SYSTEMS[systems.DEFAULT]


# -- what asks a system -----------------------------------------------------------------------------------


def test_the_steady_state_is_what_the_system_says(access):
    state = steady_state.look(access)
    assert (state.ok, state.leader, state.sync_standbys, state.epoch) == (True, "db1", ("db2", "db3"), "view-7")
    steady.refuse_unsteady(access)


def test_targets_are_resolved_by_the_system(access):
    def names(spec):
        return [host.name for host in targets.resolve(spec, access)]

    assert (names("leader"), names("replica"), names("sync_standby")) == (["db1"], ["db2"], ["db2"])
    assert names("group:majority") == ["db1", "db2"], "a target of the system's own"


def test_a_switchover_changes_the_leader(access, memory):
    assert memory.switchover(access, 1) == ("db1", "db2", "done")
    assert memory.view(access).leader.name == "db2"


def test_settings_are_changed_and_restored(access, memory):
    with settings.applied(access, {"expel_timeout": 5}, lambda *_: None):
        assert memory.config == {"expel_timeout": 5}
    assert memory.config == {"expel_timeout": 0}


def test_processes_are_those_of_the_system(access):
    db1 = access.inventory["db1"]
    assert processes.unit("memoryd", db1) == "memoryd.service"
    assert processes.find_all("memoryd", db1) == "pidof memoryd"


def test_the_tables_are_counted_through_its_dialect(access, memory, tmp_path):
    tables.prepare(access)
    memory.dialect.rows += [1, 2]
    with Writer(tmp_path / "tables.jsonl", "tables") as write:
        tables.read(access, write)
    events = [json.loads(line) for line in (tmp_path / "tables.jsonl").read_text().splitlines()]
    assert [(event["kind"], event["table"]) for event in events] == [
        ("present", "probe"),
        ("present_end", "probe"),
        ("present", "forecast"),
        ("present_end", "forecast"),
    ]
    assert (events[0]["ids"], events[1]["count"]) == ([1, 2], 2)


def test_its_observers_are_observed(access):
    rows = catalogue.of_run(access, Load(), ())
    assert [row.name for row in rows] == ["write_probe", "node_probe", "leadership", "proxy", "address", "users"]


def test_who_may_configure_is_one_name(access):
    """The doctor looks for it among the checks of any system."""
    nobody = replace(access, inventory=replace(access.inventory, hosts=tuple(
        replace(host, data=host.data | {"credentials": {}}) for host in access.inventory.hosts
    )))  # fmt: skip
    assert checks.credentials(nobody).what == MAY_CONFIGURE
    assert checks.credentials(nobody).ok is None


def test_a_repair_begins_with_what_takes_an_operator(access, monkeypatch):
    monkeypatch.setattr(repair.ledger, "entries", lambda inventory: [])
    monkeypatch.setattr(repair.ssh, "answers", lambda host, seconds=0: True)
    monkeypatch.setattr(repair.settings, "restore", lambda *_: False)
    told = []
    assert repair.repair(access, told.append) is None
    assert told == ["db2: replication started"]

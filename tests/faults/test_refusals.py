"""What is refused is refused before anything is touched, in one line with cause and remedy."""

import json
from dataclasses import FrozenInstanceError, replace

import pytest

from firedrill.cluster.patroni.system import Patroni
from firedrill.cluster.systems import SYSTEMS
from firedrill.faults import engine
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.command import Command
from firedrill.faults.ledger import Entry
from firedrill.faults.power.power_cut import PowerCut
from firedrill.faults.process.kill import Kill
from firedrill.faults.protocol import Refused, Target
from firedrill.faults.targets import resolve
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets


@pytest.fixture(scope="module")
def ways() -> Access:
    return Access(read(), Secrets())


def without(ways: Access, *keys: str) -> Access:
    hosts = tuple(
        replace(host, data={key: value for key, value in host.data.items() if key not in keys})
        for host in ways.inventory.hosts
    )
    return replace(ways, inventory=replace(ways.inventory, hosts=hosts))


def target(ways: Access, **more) -> Target:
    return Target("00000000", "db1", ways.inventory["db1"], ways, 60, **more)


@pytest.mark.parametrize("fault", FAULTS.values())
def test_a_fault_is_a_frozen_value(fault):
    with pytest.raises(FrozenInstanceError):
        fault().new_field = 1
    assert fault() == fault()
    assert fault.default_limit_s > 0


def test_an_inventory_must_allow_faults(ways):
    with pytest.raises(Refused, match="does not allow faults.*chaos_allowed"):
        engine.plan(PowerCut(), "db1", without(ways, "chaos_allowed"))
    with pytest.raises(Refused, match="does not allow faults"):  # said before anything about the options
        engine.plan(PowerCut(by="nothing"), "no such target", without(ways, "chaos_allowed"), limit_s=-1)


def test_the_blast_radius_is_kept(ways):
    with pytest.raises(Refused, match=r"group:etcd is 3 hosts .*--max-hosts 3"):
        engine.plan(PowerCut(), "group:etcd", ways)
    assert len(engine.plan(PowerCut(), "group:app", ways, max_hosts=2).hosts) == 2


def test_the_quorum_is_kept_unless_asked_for(ways, monkeypatch):
    with pytest.raises(Refused, match="3 of 3 etcd members.*--allow-quorum-loss"):
        engine.plan(PowerCut(), "group:etcd", ways, max_hosts=3)
    assert len(engine.plan(PowerCut(), "group:etcd", ways, max_hosts=3, allow_quorum_loss=True).hosts) == 3
    assert engine.plan(PowerCut(), "etcd1", ways).hosts
    hit = Entry("00000000", "power_cut", {}, "etcd2", "etcd2", "", 0, 0, {})
    monkeypatch.setattr(engine.ledger, "entries", lambda inventory: [hit])
    with pytest.raises(Refused, match="etcd1, etcd2 are 2 of 3 etcd members"):
        engine.plan(PowerCut(), "etcd1", ways)
    assert engine.plan(PowerCut(), "db1", ways).hosts, "what is lost already forbids nothing elsewhere"


@pytest.mark.parametrize("limit", [0, -1])
def test_no_fault_is_endless(ways, limit):
    with pytest.raises(Refused, match="give a positive duration"):
        engine.plan(PowerCut(), "db1", ways, limit_s=limit)
    assert engine.plan(PowerCut(), "db1", ways).limit_s == PowerCut.default_limit_s


@pytest.mark.parametrize("spec", ["db9", "group:lab", "", "leader2"])
def test_an_unknown_target_is_refused_with_those_there_are(ways, spec):
    with pytest.raises(Problem, match="no target .*sync_standby.*group:postgres"):
        resolve(spec, ways)


@pytest.mark.parametrize(("name", "options", "lacks"), [
    ("power_cut", {"by": "command"}, "power_off"), ("poweroff", {}, "power_on"), ("reboot", {}, "power_on"),
    ("pause", {}, "pause"),
])  # fmt: skip
def test_a_power_fault_needs_the_commands(ways, name, options, lacks):
    with pytest.raises(Refused, match=f"db1 has no `{lacks}` command"):
        FAULTS[name](**options).refuse(target(without(ways, "power")))


def test_a_power_command_with_an_unknown_placeholder_is_refused(ways):
    host = ways.inventory["db1"]
    odd = replace(host, data=host.data | {"power": {"pause": "virsh suspend {domain}"}})
    with pytest.raises(Refused, match="placeholder that does not exist.*use {name}, {address}, {inventory}"):
        FAULTS["pause"]().refuse(replace(target(ways), host=odd))


def test_a_fault_of_another_system_is_refused(ways, monkeypatch):
    monkeypatch.setitem(SYSTEMS, "other", Other())
    hosts = tuple(replace(host, data=host.data | {"system": "other"}) for host in ways.inventory.hosts)
    other = replace(ways, inventory=replace(ways.inventory, hosts=hosts))
    with pytest.raises(Refused, match="replication_break is for patroni, this cluster is other"):
        engine.plan(FAULTS["replication_break"](), "db1", other)
    assert engine.plan(FAULTS["drop"](peers="db2"), "db1", other).hosts


class Other(Patroni):
    """A system without a coordinator."""

    name = "other"
    coordinator_role = None


def test_a_host_that_is_off_cannot_lose_its_power(ways):
    with pytest.raises(Refused, match="does not answer SSH"):
        PowerCut().snapshot(target(ways))


def test_kill_knows_its_signals(ways):
    with pytest.raises(Refused, match="no signal 'FOO': choose one of KILL"):
        Kill(signal="FOO").refuse(target(ways))


def test_a_command_needs_all_three_parts(ways):
    with pytest.raises(Refused, match="give all three"):
        Command(do="true", proof="true").refuse(target(ways))


def test_a_dry_run_prints_the_exact_commands_and_runs_none(quick):
    done = quick("faults", "inject", "kill", "app1", "--process", "app", "--for", "90s", "--dry-run", "--json")
    lines = json.loads(done.stdout)["app1"]
    assert "kill -KILL $(systemctl show -P MainPID weather.service)" in lines
    assert "printf %s 'systemctl start weather.service\n' > /var/lib/faults/00000000.undo" in lines
    assert any(
        '--on-active=90s --on-startup="${since}us 90s"' in line and "sh /var/lib/faults/00000000.undo" in line
        for line in lines
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("inject", "power_cut"), "Missing argument 'TARGET'"),
        (("inject", "earthquake", "db1"), "no fault 'earthquake'"),
        (("inject", "kill", "db1", "--for", "soon"), "'soon' is not a duration"),
        (("heal",), "no injection to heal was given"),
    ],
)
def test_bad_usage_exits_2(quick, words, said):
    done = quick("faults", *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_an_id_that_nobody_knows_may_be_on_a_host_that_does_not_answer(quick):
    done = quick("faults", "heal", "00000000")
    assert done.returncode == 3
    assert "no active injection 00000000" in done.stderr and "not known: db1 does not answer SSH" in done.stderr


def test_the_list_names_every_fault(quick):
    rows = json.loads(quick("faults", "list", "--json").stdout)
    assert [row["fault"] for row in rows] == list(FAULTS)
    assert all(row["what"].endswith(".") for row in rows)

"""Nine hosts at once: struck together, cut in Jepsen's larger shapes, and reached by clients alone."""

import re
import time
from collections.abc import Iterator

import pytest

from firedrill.cluster import ssh
from firedrill.cluster.each import each
from firedrill.faults import engine, ledger
from firedrill.faults.catalogue import FAULTS
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.faults.conftest import login
from tests.labs import place

pytestmark = [pytest.mark.lab("many"), pytest.mark.alone]
NAME, SUBNET = place("many")
COUNT = 9
ALL = {"lb1", *(f"etcd{number}" for number in range(1, COUNT + 1))}
THREE = 'etcd = [_host("etcd1", 11), _host("etcd2", 12), _host("etcd3", 13)]'
NINE = f'etcd = [_host(f"etcd{{number}}", 100 + number) for number in range(1, {COUNT + 1})]'
HEAR = "ping -n -q -c 3 -i 0.1 -W 1 {0} >/dev/null && echo {0} &"


@pytest.fixture(scope="module")
def ways(like_lab, lab_up) -> Iterator[Access]:
    """Nine etcd hosts (nothing runs on them) and a proxy."""
    file = like_lab(NAME, SUBNET, only=tuple(sorted(ALL)))
    text = file.read_text()
    assert THREE in text
    file.write_text(text.replace(THREE, NINE))
    with lab_up(file):
        found = Access(read(file), Secrets())
        assert set(each(_booted, found.inventory.hosts)) == {"running"}
        yield found


def _booted(host) -> str:
    """How it is when its boot is over: one that goes on would keep this machine busy."""
    with login(host) as connection:
        return ssh.sh(connection, "systemctl is-system-running --wait", seconds=120, check=False)


@pytest.fixture
def cut(ways, told):
    """Cut hosts off from each other in a shape. All is healed afterwards, and must be clean."""

    def run(shape: str, spec: str = "group:etcd") -> None:
        fault = FAULTS["partition"](shape=shape)
        engine.inject(engine.plan(fault, spec, ways, max_hosts=COUNT, allow_quorum_loss=True), ways, told)

    yield run
    healed(ways, told)


def healed(ways, told) -> None:
    for entry in ledger.entries(ways.inventory):
        engine.heal(entry, ways, told)


def heard(ways) -> dict[str, set[str]]:
    """For each host, whom it hears of the others."""
    names = {host.address: host.name for host in ways.inventory.hosts}

    def ask(host) -> set[str]:
        text = "\n".join(HEAR.format(address) for address in names if address != host.address)
        with login(host) as connection:
            return {names[address] for address in ssh.script(connection, f"{text}\nwait").split()}

    return {host.name: found for host, found in zip(ways.inventory.hosts, each(ask, ways.inventory.hosts), strict=True)}


def test_they_are_struck_together(cut, ways, told):
    """As it is printed. Once is enough, since the machine has other work too."""
    spreads = []
    deadline = time.monotonic() + 60
    while not spreads or (spreads[-1] > 20 and time.monotonic() < deadline):
        told.clear()
        cut("halves")
        spreads.append(float(re.search(r"9 hosts within ([\d.]+) ms", told.of("effective")[0])[1]))
        healed(ways, told)
    print(f"spread over {COUNT} hosts: {spreads} ms")
    assert min(spreads) <= 20


def test_halves_hear_themselves_alone(cut, ways):
    cut("halves")
    found = heard(ways)
    lower = {"etcd1", "etcd2", "etcd3", "etcd4"}
    assert all(found[name] == lower - {name} | {"lb1"} for name in lower)
    assert all(found[name] == ALL - lower - {name} for name in ALL - lower - {"lb1"})


def test_a_bridge_hears_both_sides(cut, ways):
    cut("bridge")
    found = heard(ways)
    assert found["etcd5"] == ALL - {"etcd5"}
    assert found["etcd1"] == {"etcd2", "etcd3", "etcd4", "etcd5", "lb1"}
    assert found["etcd9"] == {"etcd5", "etcd6", "etcd7", "etcd8", "lb1"}


def test_in_a_ring_each_hears_another_majority(cut, ways):
    cut("majorities_ring")
    found = heard(ways)
    majorities = {frozenset(found[name] - {"lb1"} | {name}) for name in ALL - {"lb1"}}
    assert len(majorities) == COUNT
    assert all(len(one) > COUNT / 2 for one in majorities)
    assert found["etcd1"] == {"etcd8", "etcd9", "etcd2", "etcd3", "lb1"}


def test_clients_reach_what_the_cluster_does_not(cut, ways):
    cut("clients_only", "etcd1")
    found = heard(ways)
    assert found["etcd1"] == {"lb1"}
    assert "etcd1" in found["lb1"]
    assert all("etcd1" not in found[name] for name in ALL - {"lb1", "etcd1"})

"""power_cut by sysrq, where the inventory names no power command; only ever on hosts with a kernel of their own."""

import pytest

from firedrill.cluster import ssh
from firedrill.faults import engine
from firedrill.faults.power import out_of_band
from firedrill.faults.power.power_cut import PowerCut
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.faults.conftest import login

pytestmark = pytest.mark.lab("vms")


@pytest.fixture
def powerless(net):
    """The same hosts under an inventory that lacks power commands: `powerless("power_off")` lacks that one."""

    def without(*verbs: str) -> Access:
        text = net.read_text()
        for verb in verbs:
            text = "\n".join(line for line in text.splitlines() if f'"{verb}"' not in line)
        file = net.with_name(f"{net.stem}_{len(verbs)}.py")
        file.write_text(text)
        return Access(read(file), Secrets())

    return without


# What replaces a file is written out at once, and every few seconds the names are: not so the content of a new one.
UNSAVED = "rm -f /root/unsaved; sync; echo unsaved > /root/unsaved; cat /root/unsaved"


@pytest.mark.parametrize("verbs", [("power_off",), ("power_off", "power_on")])
def test_sysrq_ends_the_host_at_once(powerless, told, on, verbs):
    ways = powerless(*verbs)
    assert on("db1", UNSAVED) == "unsaved"
    entries = engine.inject(engine.plan(PowerCut(), "db1", ways), ways, told)
    said = told.of("effective")[0]
    assert ("no longer answers SSH" if len(verbs) == 1 else "went down") in said
    for entry in entries:
        engine.heal(entry, ways, told)
    assert "rebooted, no failed unit" in told.of("clean")[0]
    assert on("db1", "cat /root/unsaved 2>/dev/null") == "", "the page cache went with it"


def test_sysrq_can_be_asked_for(ways, inject, heal, told):
    entries = inject("power_cut", "db1", by="sysrq")
    assert not ssh.answers(ways.inventory["db1"])
    heal(entries)
    assert "rebooted, no failed unit" in told.of("clean")[0]


def test_it_heals_by_itself_when_its_controller_is_killed(ways, controller, on):
    with login(ways.inventory["db1"]) as connection:
        boot = out_of_band.boot_mark(connection)
    child = controller(["power_cut", {"by": "sysrq"}, "db1", 15])
    assert [child.stdout.readline().strip() for _ in range(3)] == ["read", "power_cut", "done"]
    child.kill()
    ssh.wait(ways.inventory["db1"], up=True, seconds=60)
    with login(ways.inventory["db1"]) as connection:
        assert out_of_band.boot_mark(connection) != boot

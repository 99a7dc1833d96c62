"""Faults that take a kernel of the host's own: netem and the clock, on hosts of user-mode Linux."""

import time

import pytest

from faults import engine, ledger, remote
from faults.catalogue import FAULTS
from faults.protocol import NotEffective, Refused
from inventories.access import Access
from inventories.read import read
from inventories.secrets import Secrets
from tests.faults.conftest import journals, until
from tests.labs import place

pytestmark = pytest.mark.lab
NAME, SUBNET = place("netem", 6)
DB1, DB2 = f"{SUBNET}.21", f"{SUBNET}.22"
PORT = {"peers": "db2", "ports": "5432"}


@pytest.fixture(scope="module")
def net(like_lab, command):
    file = like_lab(NAME, SUBNET, only=("db1", "db2"), source="vms_local")
    text = (
        file.read_text().replace('"name": "vms"', f'"name": "{NAME}"').replace("firedrill/vms/", f"firedrill/{NAME}/")
    )
    file.write_text(text)
    done = command("lab", "-i", file, "up", seconds=600)
    if done.returncode:
        pytest.skip(f"no hosts with a kernel of their own here: {done.stderr.strip().splitlines()[-1]}")
    yield file
    command("lab", "-i", file, "down")


@pytest.fixture(scope="module")
def ways(net) -> Access:
    return Access(read(net), Secrets())


@pytest.fixture(scope="module")
def on(ways):
    def run(name: str, text: str) -> str:
        with remote.connect(ways.inventory[name]) as connection:
            return remote.script(connection, text, check=False)

    return run


@pytest.mark.parametrize(("name", "given", "said"), [
    ("corrupt", {"percent": 50}, "corruption asked 50 %, seen "),
    ("corrupt", {"percent": 30, "direction": "both", **PORT}, "in corruption asked 30 %, seen "),
    ("loss", {"percent": 100, "direction": "in"}, "seen 100% of 300 packets"),
    ("delay", {"ms": 80, "jitter_ms": 10, "distribution": "normal", "direction": "both"}, "delay asked 160 ms, seen 1"),
    ("duplicate", {"percent": 25}, "duplicates asked 25 %, seen "),
    ("reorder", {}, "reordering asked 25 %, seen "),
    ("rate", {"kbit": 2000}, "rate asked 2000 kbit/s, seen "),
])  # fmt: skip
def test_netem_bites_and_heals(inject, heal, told, on, name, given, said):
    entries = inject(name, "db1", **given)
    assert said in told.of("effective")[0]
    assert "netem" in on("db1", "tc qdisc show")
    began = time.monotonic()
    on("db1", "true")
    assert time.monotonic() - began < 3, "the controller is exempt"
    heal(entries)
    assert "all as before" in told.of("clean")[0]
    assert on("db1", "tc qdisc show | grep -E 'netem|qdisc prio|ingress'; ip -o link show type ifb") == ""
    assert journals(on, "db1") == ""


def test_only_what_is_named_is_touched(inject, heal, on):
    entries = inject("delay", "db1", ms=300, **PORT)
    shown = on("db2", f"ping -n -q -c 3 -i 0.05 {DB1} | tail -1")
    assert float(shown.split("/")[4]) < 100
    heal(entries)


def test_two_that_can_live_together_do_and_a_clash_is_refused(inject, heal, told, on):
    first = inject("delay", "db1", ms=100, **PORT)
    second = inject("loss", "db1", percent=50, peers="db2", ports="2379", direction="both")
    with pytest.raises(Refused, match=r"(delay|loss) [0-9a-f]{8} has these packets already"):
        inject("corrupt", "db1", peers="db2")
    heal(first)
    assert "loss 50%" in on("db1", "tc qdisc show")
    heal(second)
    assert len(told.of("clean")) == 2
    assert "fd0d:" not in on("db1", "tc qdisc show")


def test_a_foreign_root_is_refused_with_its_owner_named_and_survives(inject, on):
    on(
        "db1",
        "tc qdisc add dev host0 root handle 1: htb default 1; tc class add dev host0 parent 1: classid 1:1 "
        "htb rate 1gbit",
    )
    before = on("db1", "tc qdisc show; tc class show dev host0")
    with pytest.raises(Refused, match="the root qdisc of host0 is `htb 1:`, which is not ours"):
        inject("delay", "db1")
    assert on("db1", "tc qdisc show; tc class show dev host0") == before
    on("db1", "tc qdisc del dev host0 root")


@pytest.mark.parametrize(("name", "given", "said"), [
    ("clock_jump", {"seconds": 3600}, "jump asked +3600 s, seen +3"),
    ("clock_jump", {"seconds": -90}, "jump asked -90 s, seen -"),
    ("clock_drift", {"ppm": 30_000}, "drift asked +30000 ppm, seen +"),
])  # fmt: skip
def test_the_clock_bites_and_heals(inject, heal, told, name, given, said):
    entries = inject(name, "db1", **given)
    assert said in told.of("effective")[0]
    heal(entries)
    assert "the clock is right within" in told.of("clean")[0]


def test_memory_to_a_percentage(inject, heal, told):
    entries = inject("memory", "db2", percent=60)
    assert "asked 60 % in use" in told.of("effective")[0]
    heal(entries)


def test_all_heal_by_themselves_when_their_controller_is_killed(controller, ways, on, told, heal):
    limit = 15
    wanted = [
        ["delay", {"ms": 50, "peers": "db2", "ports": "5432"}], ["loss", {"peers": "db2", "ports": "2379"}],
        ["corrupt", {"peers": "db2", "ports": "2380", "direction": "both"}], ["clock_jump", {"seconds": 120}],
        ["memory", {"percent": 50}],
    ]  # fmt: skip
    child = controller(*([name, given, "db1", limit] for name, given in wanted))
    said = ""
    while said not in ("done\n", "end\n"):
        said = child.stdout.readline() or "end\n"
    assert said == "done\n"
    child.kill()
    until(lambda: journals(on, "db1") == "", limit + 10)
    left = ledger.entries(ways.inventory)
    assert len(left) == len(wanted)
    heal(left)


def test_a_fault_that_does_not_bite_is_healed(ways, on, told, monkeypatch):
    """What would come of a netem that is there and does nothing."""
    kind = FAULTS["corrupt"]
    monkeypatch.setattr(kind, "netem", lambda self: "delay 0ms")
    with pytest.raises(NotEffective, match="corruption asked 50 %, seen 0%"):
        engine.inject(engine.plan(kind(percent=50), "db1", ways), ways, told)
    assert told.of("not_effective") and told.of("clean")
    assert journals(on, "db1") == ""

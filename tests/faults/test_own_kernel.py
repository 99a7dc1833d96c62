"""Faults that take a kernel of the host's own: netem and the clock, on hosts of user-mode Linux."""

import re
import shlex
import time

import pytest

from firedrill.cluster import ssh
from firedrill.faults import engine, lasting, ledger, state
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.connections import connected
from firedrill.faults.protocol import NotEffective, Refused
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.faults.conftest import journals, login, until
from tests.labs import place

pytestmark = pytest.mark.lab("netem")
NAME, SUBNET = place("netem")
DB1, DB2 = f"{SUBNET}.21", f"{SUBNET}.22"
PORT = {"peers": "db2", "ports": "5432"}
RECEIVE = """
import socket
listener = socket.create_server(("", 9000))
print("listening", flush=True)
link, _ = listener.accept()
size = 0
while block := link.recv(65536):
    size += len(block)
print(size)
"""
SEND = """
import os, socket, sys
with socket.create_connection((sys.argv[1], 9000)) as link:
    link.sendall(os.urandom(int(sys.argv[2])))
    link.shutdown(socket.SHUT_WR)
    link.recv(1)
"""
# db2 knows the time, for itself and db1; both ask nobody else.
NTP = {
    "db2": f"local stratum 3\nallow {SUBNET}.0/24\n",
    "db1": f"server {DB2} iburst minpoll 0 maxpoll 1\nmakestep 0.1 3\n",
}
SYNCHRONISED = (
    f"chronyc -n tracking | grep -q '({DB2})' && chronyc -n waitsync 1 0.3 0 0 >/dev/null && echo yes || echo no"
)


@pytest.fixture(scope="module")
def net(own_kernels, like_lab, lab_up):
    with lab_up(like_lab(NAME, SUBNET, only=("db1", "db2"), source="vms_local")) as file:
        yield file


@pytest.fixture(scope="module")
def ways(net) -> Access:
    return Access(read(net), Secrets())


@pytest.fixture(scope="module")
def on(ways):
    def run(name: str, text: str) -> str:
        with login(ways.inventory[name]) as connection:
            return ssh.script(connection, text, check=False)

    return run


def quickest_ms(ping: str) -> float:
    """Of what ping says: what every packet had to wait, however busy this machine is."""
    return float(re.search(r"= ([\d.]+)/", ping)[1])


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
    past = on("db1", "ping -n -q -c 10 -i 0.1 -W 2 ${SSH_CONNECTION%% *}")
    assert "10 received, 0% packet loss" in past and quickest_ms(past) < 50, "the controller is exempt"
    heal(entries)
    assert "all as before" in told.of("clean")[0]
    assert on("db1", "tc qdisc show | grep -E 'netem|qdisc prio|ingress'; ip -o link show type ifb") == ""
    assert journals(on, "db1") == ""


SECOND = {"db1": ("172.16.1.21", "fd0d::21"), "db2": ("172.16.1.22", "fd0d::22")}


@pytest.fixture
def second_network(on):
    """Each host has two more addresses, one of them IPv6."""
    text = "ip addr {0} {1}/24 dev host0; ip -6 addr {0} {2}/64 dev host0 {3}"
    for name, (four, six) in SECOND.items():
        on(name, text.format("add", four, six, "nodad"))
    yield
    for name, (four, six) in SECOND.items():
        on(name, text.format("del", four, six, ""))


def test_netem_treats_every_address_of_a_peer(second_network, inject, heal, told, on):
    before = on("db1", "tc qdisc show; tc filter show dev host0")
    entries = inject("delay", "db1", ms=120, peers="db2", direction="both")
    for address in (DB2, *SECOND["db2"]):
        assert quickest_ms(on("db1", f"ping -n -q -c 3 -i 0.2 {address} | tail -1")) > 200, address
    heal(entries)
    entries = inject("corrupt", "db1", percent=50, **PORT)
    assert told.of("effective")[1].count("out corruption asked 50 %") == 3
    heal(entries)
    for address in (DB2, *SECOND["db2"]):
        assert quickest_ms(on("db1", f"ping -n -q -c 3 -i 0.2 {address} | tail -1")) < 100, address
    assert on("db1", "tc qdisc show; tc filter show dev host0") == before


@pytest.mark.parametrize(("name", "given", "end", "said"), [
    ("delay", {"ms": 50, "direction": "both"}, "tc qdisc del dev host0 root", "its netem is gone from host0"),
    ("loss", {"direction": "in", "by": "netem", "peers": "db2"}, "tc qdisc del dev host0 ingress", "its netem is gone"),
    ("clock_jump", {"seconds": 600}, "date -s \"$(date -d '-600 seconds')\"", "asked +600 s, the clock is off by"),
    ("clock_drift", {"ppm": 30_000}, "python3 /var/lib/faults/*.py undo /var/lib/faults/*.clock", "drifts by unknown"),
])  # fmt: skip
def test_it_lasts_until_somebody_else_ends_it(inject, ways, told, on, name, given, end, said):
    entries = inject(name, "db1", **given)
    with connected([ways.inventory["db1"]]) as connections:
        lasting.prove_again(entries, ways, connections, told)
        on("db1", end)
        lasting.prove_again(entries, ways, connections, told)
    assert len(told.of(lasting.STILL)) == 1 and said in told.of(lasting.LAPSED)[0], told
    if name == "loss":  # what was removed cannot be undone again
        on("db1", "tc qdisc add dev host0 ingress")


def counters(on, name: str) -> dict[str, int]:
    """What the host's kernel counted of TCP, as nstat names it."""
    lines = [line.split() for line in on(name, "cat /proc/net/snmp /proc/net/netstat").splitlines()]
    return {
        f"{names[0].rstrip(':')}{name}": int(value)
        for names, values in zip(lines[::2], lines[1::2], strict=True)
        for name, value in zip(names[1:], values[1:], strict=True)
    }


def transfer(ways, size: int) -> None:
    """Send so many bytes from db1 to db2 over TCP, which arrive whole whatever becomes of packets."""
    with login(ways.inventory["db1"]) as source, login(ways.inventory["db2"]) as sink:
        receiving = ssh.Running(sink, f"python3 -c {shlex.quote(RECEIVE)}")
        assert receiving.line() == "listening"
        ssh.sh(source, f"python3 -c {shlex.quote(SEND)} {DB2} {size}")
        assert receiving.end()[0].strip() == str(size)


@pytest.mark.parametrize(("name", "given", "shows"), [
    ("corrupt", {"percent": 10}, {"db2": "TcpInCsumErrors", "db1": "TcpRetransSegs"}),
    ("loss", {"percent": 10}, {"db1": "TcpRetransSegs"}),
    ("duplicate", {"percent": 25}, {"db2": "TcpExtTCPDSACKOldSent"}),
    ("reorder", {"percent": 25, "delay_ms": 20}, {"db2": "TcpExtTCPOFOQueue"}),
])  # fmt: skip
def test_what_netem_does_shows_in_the_kernels_counters(inject, heal, ways, on, name, given, shows):
    """Of a transfer without it hardly any, of one with it some: a packet here is one of up to 64 KiB."""

    def added() -> list[int]:
        before = {host: counters(on, host) for host in shows}
        transfer(ways, 6_000_000)
        return [counters(on, host)[counter] - before[host][counter] for host, counter in shows.items()]

    transfer(ways, 1_000_000)
    without = added()
    entries = inject(name, "db1", peers="db2", **given)
    under = added()
    heal(entries)
    assert all(new >= 5 + 2 * old for old, new in zip(without, under, strict=True)), (without, under)


def test_only_what_is_named_is_touched(inject, heal, on):
    entries = inject("delay", "db1", ms=300, **PORT)
    assert quickest_ms(on("db2", f"ping -n -q -c 5 -i 0.1 {DB1}")) < 100
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


@pytest.fixture
def ntp(on):
    """chrony on both, db1 synchronised with db2; stopped afterwards."""
    for name, text in NTP.items():
        on(name, f"printf '{text}' > /etc/chrony/chrony.conf; echo DAEMON_OPTS= > /etc/default/chrony")
        on(name, "systemctl restart chrony")
    until(lambda: on("db1", SYNCHRONISED) == "yes", 40)
    yield
    for name in NTP:
        on(name, "systemctl stop chrony")


@pytest.mark.parametrize(("name", "given"), [("clock_jump", {"seconds": 120}), ("clock_drift", {"ppm": 50_000})])
def test_ntp_is_kept_from_mending_the_clock_and_runs_again_when_it_is_healed(inject, heal, on, ways, ntp, name, given):
    entries = inject(name, "db1", **given)
    assert on("db1", "systemctl is-active chrony") == "inactive"
    first = offset(ways)
    time.sleep(4)
    assert offset(ways) >= first - 0.1, "nobody sets it right"
    heal(entries)
    assert on("db1", "systemctl is-active chrony") == "active"
    until(lambda: on("db1", SYNCHRONISED) == "yes", 40)
    assert abs(offset(ways)) < 1


def offset(ways) -> float:
    """Seconds by which db1's clock is before db2's."""
    with login(ways.inventory["db1"]) as one, login(ways.inventory["db2"]) as other:
        return state.clock_offset(one) - state.clock_offset(other)


def test_a_full_disk_keeps_its_margin_and_is_free_at_once(inject, heal, told, on):
    free = "df --output=avail -m /var/lib/postgresql | tail -1"
    before = int(on("db1", free))
    entries = inject("disk_full", "db1", margin_mib=32)
    assert 20 <= int(on("db1", free)) <= 33
    assert on("db1", "head -c 40M /dev/zero > /var/lib/postgresql/x 2>/dev/null && echo room || echo full") == "full"
    on("db1", "rm -f /var/lib/postgresql/x")
    heal(entries)
    assert abs(int(on("db1", free)) - before) < 32
    assert "MiB free at /var/lib/postgresql" in told.of("clean")[0]


def test_a_reboot_by_force_flushes_nothing(inject, heal, on):
    boot = on("db1", "echo kept > /root/kept; sync; echo lost > /root/lost; cat /proc/sys/kernel/random/boot_id")
    heal(inject("reboot", "db1", how="force"))
    assert on("db1", "cat /proc/sys/kernel/random/boot_id") != boot
    assert on("db1", "cat /root/kept; cat /root/lost 2>/dev/null") == "kept"


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

"""The promises around every fault: struck together, refused in time, seen from elsewhere, nothing of others touched."""

import os
import re
import time

import pytest

from firedrill.cluster import ssh
from firedrill.cluster.patroni import coordinator
from firedrill.faults import active, doctor, engine, ledger, undo
from firedrill.faults.connections import connected
from firedrill.faults.protocol import NotEffective, Refused
from firedrill.inventories.errors import Problem
from tests.faults.conftest import journals, until

pytestmark = pytest.mark.lab("net")


def test_one_injection_costs_little(inject, heal, told):
    """Arming and striking, connected, as it is printed: 150 ms, and longer where others keep this machine busy."""
    costs = []
    for _ in range(5):
        told.clear()
        heal(inject("partition", "etcd1"))
        costs.append(int(re.search(r"armed and injected in (\d+) ms", told.of("effective")[0])[1]))
    busy = max(1, os.getloadavg()[0] / os.cpu_count())
    print(f"arm and strike: {costs} ms, with {busy:.1f} processes for each processor")
    assert min(costs) <= 150 * busy


@pytest.mark.parametrize("means", ["stop_service", "freeze", "partition", "power_cut", "pause"])
def test_etcd_loses_its_quorum_and_gets_it_back(inject, heal, told, ways, means):
    entries = inject("etcd_quorum_loss", "etcd:majority", means=means)
    assert len(entries) == 2
    assert all("etcd has no quorum" in detail for detail in told.of("effective"))
    heal(entries)
    until(lambda: coordinator.has_quorum(ways), 20)


def test_a_whole_host_is_paused_and_goes_on(inject, heal, told, on, ways):
    boot = on("etcd1", "cut -d' ' -f22 /proc/1/stat")
    entries = inject("pause", "etcd1")
    assert "no longer answers SSH" in told.of("effective")[0]
    assert not ssh.answers(ways.inventory["etcd1"])
    heal(entries)
    assert "never went down" in told.of("clean")[0]
    assert on("etcd1", "cut -d' ' -f22 /proc/1/stat") == boot


@pytest.mark.parametrize("how", ["orderly", "force"])
def test_a_host_reboots(inject, heal, told, ways, on, how):
    entries = inject("reboot", "etcd1", how=how)
    assert "etcd1 went down" in told.of("effective")[0]
    heal(entries)
    assert "rebooted, no failed unit" in told.of("clean")[0]
    until(lambda: coordinator.has_quorum(ways), 20)


def killed_when_done(child) -> None:
    line = ""
    for line in child.stdout:
        if line == "done\n":
            break
    child.kill()
    assert line == "done\n"


def test_power_faults_heal_by_themselves_when_their_controller_is_killed(controller, ways):
    killed_when_done(controller(["poweroff", {}, "etcd1", 9], ["pause", {}, "etcd2", 6], ["reboot", {}, "etcd3", 3]))
    until(lambda: ledger.entries(ways.inventory) == [], 40)
    assert all(ssh.answers(host) for host in ways.inventory.hosts)
    until(lambda: coordinator.has_quorum(ways), 20)


def test_a_quorum_comes_back_by_itself_when_its_controller_is_killed(controller, ways, on, heal):
    killed_when_done(controller(["etcd_quorum_loss", {}, "etcd:majority", 40]))
    assert not coordinator.has_quorum(ways)
    until(lambda: coordinator.has_quorum(ways), 60)
    until(lambda: all(journals(on, host.name) == "" for host in ways.inventory.hosts), 10)
    heal(ledger.entries(ways.inventory))


def test_without_a_new_login_it_is_healed_at_once(inject, on, told, monkeypatch):
    def refused(host):
        raise ssh.Unreachable(f"{host.name} does not answer SSH", "")

    def inject_without():
        with monkeypatch.context() as patch:
            real, calls = ssh.connect, []

            def connect(host):
                calls.append(host)
                return real(host) if len(calls) == 1 else refused(host)

            patch.setattr(ssh, "connect", connect)
            inject("partition", "etcd1")

    with pytest.raises(NotEffective, match="takes no new SSH login"):
        inject_without()
    assert journals(on, "etcd1") == ""
    assert "FD-" not in on("etcd1", "iptables -S")


def test_a_cut_that_meets_no_packet_is_not_effective_and_healed(inject, on, told):
    """Its peers are silent already, by another fault: what is cut off from them is cut off from nobody."""
    inject("partition", "etcd2,etcd3")
    with pytest.raises(NotEffective, match="etcd1: its rules matched no packet"):
        inject("partition", "etcd1", shape="one_way")
    assert told[-1] == ("etcd1", "partition", "clean", "etcd1: all as before; etcd serves again")
    assert journals(on, "etcd1") == ""
    assert "FD-" not in on("etcd1", "iptables -S")


def test_a_service_that_outlasts_the_limit_was_not_stopped(inject, on, told):
    """Its undo queues a start while the stop still goes on: it is never seen down, and nobody waits a minute for it."""
    on(
        "etcd1",
        "printf '[Service]\\nExecStart=sleep 999\\nExecStop=sleep 6\\n' > /run/systemd/system/slow.service; "
        "systemctl daemon-reload; systemctl start slow",
        check=True,
    )
    with pytest.raises(NotEffective, match="slow.service is deactivating after 3 s: a service that takes longer"):
        inject("stop_service", "etcd1", process="slow.service", limit_s=3)
    assert told[-1][2] == "clean"
    assert told[-1][3].startswith("etcd1: slow.service is active again; all as before")
    on("etcd1", "rm /run/systemd/system/slow.service; systemctl kill slow; systemctl daemon-reload")


def test_what_the_host_has_of_others_survives_byte_for_byte(inject, heal, on):
    on("etcd1", "iptables -N THEIRS; iptables -A THEIRS -s 192.0.2.7 -j DROP; iptables -A INPUT -j THEIRS")
    on("etcd1", "nft add table inet theirs; nft add chain inet theirs x; nft add rule inet theirs x tcp dport 7 drop")
    on("etcd1", "tc qdisc add dev host0 root handle 8001: pfifo limit 77")
    look = "iptables-save | grep -v '^#'; nft list table inet theirs; tc qdisc show"
    before = on("etcd1", look)
    assert "8001:" in before
    for name, given in (("partition", {}), ("reject", {"ports": "2379"}), ("loss", {}), ("dns", {})):
        heal(inject(name, "etcd1", **given))
        # iptables makes the chains it needs, and leaves them empty.
        now = [line for line in on("etcd1", look).splitlines() if not line.startswith((":", "*", "COMMIT"))]
        assert now == [line for line in before.splitlines() if not line.startswith((":", "*", "COMMIT"))]
    on("etcd1", "iptables -D INPUT -j THEIRS; iptables -F THEIRS; iptables -X THEIRS; nft delete table inet theirs")
    on("etcd1", "tc qdisc del dev host0 root")


def test_another_machine_sees_and_heals(inject, ways, on, told, monkeypatch, tmp_path):
    inject("disk_full", "etcd2")
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "folder", lambda inventory: tmp_path)
        rows, damaged, _ = active.status(ways)
        assert damaged == []
        assert [(row["fault"], row["host"], row["injected_from"]) for row in rows] == [
            ("disk_full", "etcd2", "elsewhere")
        ]
        assert "MiB filled" in rows[0]["status"]
        with connected(ways.inventory.hosts) as connections:
            for entry in active.active(ways, connections):
                engine.heal(entry, ways, told)
    assert "all as before" in told.of("clean")[0]
    assert on("etcd2", "ls -A /var/lib/postgresql | grep faults") == ""


def test_the_undo_outlives_a_reboot(inject, on, net, command, ways, heal):
    """disk_full outlives the reboot; the host sets the timer again for what is left of the limit."""
    entries = inject("disk_full", "etcd3", limit_s=20)
    assert command("lab", "-i", net, "cut", "etcd3").returncode == 0
    assert command("lab", "-i", net, "start", "etcd3").returncode == 0
    full = "ls -A /var/lib/postgresql | grep faults"
    assert on("etcd3", full) != "" or time.time() > entries[0].until
    until(lambda: "faults-" in on("etcd3", "systemctl list-timers --no-legend") or time.time() > entries[0].until, 10)
    until(lambda: journals(on, "etcd3") == "", 30)
    assert on("etcd3", full) == ""
    heal(entries)


@pytest.mark.parametrize(("name", "given", "said"), [
    ("freeze", {"process": "haproxy"}, "etcd1 runs no haproxy"),
    ("stop_service", {"process": "nothing"}, "nothing.service is inactive"),
    ("memory", {"percent": 50}, "shares its machine's kernel and clock and memory: use `--mib N`"),
    ("memory", {"mib": 9_000_000}, "MiB available"),
    ("disk_full", {"path": "/nowhere"}, "has no folder /nowhere"),
    ("disk_io", {"path": "/run"}, "held in memory"),
    ("partition", {"shape": "halves"}, "etcd1 is 1 hosts, halves wants 2"),
    ("partition", {"peers": "db7"}, "no target 'db7'"),
    ("power_cut", {"by": "sysrq"}, "cannot lose its power by sysrq: it is a container"),
    ("etcd_quorum_loss", {}, "1 of 3 etcd members is not a majority"),
])  # fmt: skip
def test_what_a_host_cannot_is_refused_before_anything_is_touched(inject, on, name, given, said):
    with pytest.raises((Refused, Problem), match=said):
        inject(name, "etcd1", **given)
    assert journals(on, "etcd1") == ""


def test_the_doctor_asks_the_hosts(ways):
    found = doctor.check_up(ways)
    assert set(found) == {"etcd1", "etcd2", "etcd3"}
    row = found["etcd1"]
    assert {row[name].short for name in ("partition", "loss", "cpu")} == {"can"}
    assert row["kill"].short == "can with --process" and row["drop"].short == "can with --ports"
    assert row["replication_break"].reason == "PostgreSQL does not answer"


def test_a_host_made_anew_is_not_asked_for_what_it_never_had(inject, heal, on, told):
    entries = inject("cpu", "etcd1", cores=1, percent=20)
    on("etcd1", "cp /etc/machine-id /etc/old; echo 0123456789abcdef0123456789abcdef > /etc/machine-id")
    try:
        heal(entries)
        assert "was rebuilt" in told.of("clean")[0]
    finally:
        on(
            "etcd1",
            f"mv /etc/old /etc/machine-id; sh {undo.FOLDER}/{entries[0].id}.undo; rm {undo.FOLDER}/*; "
            f"systemctl stop 'faults-*.timer'; rm -f {undo.UNITS}/faults-* {undo.UNITS}/*/faults-*",
        )

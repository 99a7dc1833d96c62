"""A fault is proven again before it is healed: one whose effect was ended behind its back has lapsed."""

import pytest

from firedrill.cluster import ssh
from firedrill.faults import engine, lasting
from tests.faults.conftest import until

pytestmark = pytest.mark.lab("net")
GREETER = {"process": "greeter.service"}
# Fault, options, the end of its effect by somebody else, and what is said of it.
ENDED = [
    ("drop", {"peers": "etcd2"}, "iptables -F", "its firewall rules are gone"),
    ("partition", {}, "iptables -D INPUT -j $(iptables -S | grep -o 'FD-[0-9a-f]*-in' | head -1)",
     "nothing leads to its rules in FD-"),
    ("reject", {"ports": "2379"}, "iptables -F OUTPUT", "nothing leads to its rules in FD-"),
    ("dns", {}, "iptables -F OUTPUT", "nothing leads to its rules in FD-"),
    ("loss", {"by": "firewall"}, "iptables -F", "its firewall rules are gone"),
    ("freeze", GREETER, "systemctl kill --signal=CONT greeter", "0 of 1 processes are stopped"),
    ("freeze", GREETER, "systemctl restart greeter", "the stopped processes have ended"),
    ("stop_service", GREETER, "systemctl start greeter", "greeter.service is active, started at "),
    ("crash_loop", GREETER | {"every_s": 0.5}, "systemctl stop 'faults-*-load.service'", "the loop that strikes"),
    ("fd_exhaust", GREETER, "systemctl restart greeter; sleep 1", "has ended, and its limit with it"),
    ("cpu", {"cores": 1, "percent": 20}, "pkill -KILL -f '/var/lib/faults/.*py'; sleep 0.5", "no process of it runs"),
    ("memory", {"mib": 64}, "pkill -KILL -f '/var/lib/faults/.*py'; sleep 0.5", "no process of it runs"),
    ("disk_io", {"mib": 8}, "pkill -KILL -f '/var/lib/faults/.*py'; sleep 0.5", "no process of it runs"),
    ("disk_full", {}, "rm /var/lib/postgresql/.faults-*", "MiB filled"),
    ("command", {"do": "touch /root/x", "proof": "test -e /root/x", "undo": "rm -f /root/x"}, "rm /root/x",
     "`test -e /root/x` no longer succeeds"),
]  # fmt: skip


def looks(told) -> list[str]:
    return [phase for _, _, phase, _ in told if phase in (lasting.STILL, lasting.LAPSED, lasting.UNOBSERVED)]


@pytest.mark.parametrize(("name", "given", "end", "said"), ENDED)
def test_it_lasts_until_somebody_else_ends_it(inject, ways, told, on, name, given, end, said):
    engine.heal_all(inject(name, **given), ways, told)
    assert looks(told) == [lasting.STILL], told
    told.clear()
    entries = inject(name, **given)
    on("etcd1", end, check=True)
    engine.heal_all(entries, ways, told)
    assert looks(told) == [lasting.LAPSED] and said in told.of(lasting.LAPSED)[0], told


def test_what_its_own_limit_ended_has_lapsed_at_that_time(inject, ways, on):
    entries = inject("disk_full", limit_s=3)
    until(lambda: on("etcd1", "ls /var/lib/faults") == "", 10)
    found = []
    engine.heal_all(entries, ways, lambda entry, phase, detail, t: found.append((phase, detail, t)))
    assert found[0][:2] == (lasting.LAPSED, "etcd1: its own limit of 3 s ended it")
    assert abs(found[0][2] / 10**9 - entries[0].until) < 0.1


def test_a_host_that_something_else_switched_on_was_not_off_until_it_was_healed(inject, ways, told, net, command):
    entries = inject("power_cut", "etcd1,etcd2")
    command("lab", "-i", net, "start", "etcd1")
    until(lambda: on_again(ways, "etcd1"), 30)
    engine.heal_all(entries, ways, told)
    assert {host: phase for host, _, phase, _ in told if phase in (lasting.STILL, lasting.LAPSED)} == {
        "etcd1": lasting.LAPSED,
        "etcd2": lasting.STILL,
    }


def on_again(ways, name: str) -> bool:
    return ssh.answers(ways.inventory[name])


def test_a_lost_quorum_is_looked_at_before_any_member_is_healed(inject, ways, told):
    engine.heal_all(inject("etcd_quorum_loss", "etcd:majority", means="freeze"), ways, told)
    assert looks(told) == [lasting.STILL] * 2
    assert all("processes of etcd are stopped" in detail for detail in told.of(lasting.STILL))


def test_a_momentary_effect_is_not_looked_at(inject, ways, told):
    engine.heal_all(inject("kill", **GREETER), ways, told)
    assert looks(told) == []

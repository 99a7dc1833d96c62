"""Every fault that a host undoes itself: it bites, as seen from outside; it heals; it heals without its controller."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from firedrill.cluster import ssh
from firedrill.faults import engine, ledger, undo
from firedrill.faults.protocol import Target, new_id
from tests.faults.conftest import journals, login, until
from tests.labs import place

pytestmark = pytest.mark.lab("net")
# Does a TCP connection come about? 0 yes, 1 refused, 2 silence.
KNOCK = """python3 -c '
import socket, sys
link = socket.socket(); link.settimeout(0.6)
try: link.connect(("{address}", {port}))
except TimeoutError: print(2)
except OSError: print(1)
else: print(0)'"""
PING = "ping -n -q -c 2 -i 0.1 -W 0.3 {address} >/dev/null && echo heard || echo silence"
NAME, SUBNET = place("net")
ETCD1, ETCD2 = f"{SUBNET}.11", f"{SUBNET}.12"
TAKEN = (
    'python3 -c \'import socket; link = socket.create_connection(("127.0.0.1", 7777), 1); link.settimeout(0.7); '
    "print(link.recv(9).decode())' 2>/dev/null || echo not taken"
)
FULL = "head -c 40M /dev/zero > /var/lib/x 2>/dev/null && echo room || echo full; rm -f /var/lib/x"
LOAD = "systemctl list-units --plain --no-legend 'faults-*-load.service' | wc -l"


@dataclass(frozen=True)
class Case:
    """A fault on etcd1, and what shows it: `look` run on `host` prints `sick` under it and `well` without."""

    fault: str
    look: str
    sick: str
    well: str
    said: str
    host: str = "etcd1"
    options: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case("drop", PING.format(address=ETCD1), "silence", "heard", "packets hit", "etcd2", {"peers": "etcd2"}),
    Case("partition", PING.format(address=ETCD1), "silence", "heard", "cut off from etcd2, etcd3", "etcd3"),
    Case(
        "partition", PING.format(address=ETCD1), "silence", "heard", "packets hit", "etcd2",
        {"shape": "one_way", "peers": "etcd2"},
    ),
    Case(
        "reject", KNOCK.format(address=ETCD1, port=2379), "1", "0", "ECONNREFUSED", "etcd2",
        {"ports": "2379", "peers": "etcd2"},
    ),
    Case(
        "drop", KNOCK.format(address=ETCD1, port=2379), "2", "0", "silence after 4", "etcd2",
        {"ports": "2379", "peers": "etcd2"},
    ),
    Case("dns", "iptables -S OUTPUT | grep -c FD-", "1", "0", "none of 1 name servers answers"),
    Case(
        "loss", f"ping -n -q -c 20 -i 0.02 -W 0.3 {ETCD1} | grep -q ' 0% packet loss' && echo none || echo some",
        "some", "none", "loss asked 40 %, seen ", "etcd2", {"percent": 40, "peers": "etcd2"},
    ),
    Case("freeze", KNOCK.format(address="127.0.0.1", port=2379) + "; ps -C etcd -o stat= | cut -c1", "0\nT", "0\nS",
         "processes of etcd are stopped", options={"process": "etcd"}),
    Case("stop_service", KNOCK.format(address=ETCD1, port=2379), "1", "0", "etcd.service is inactive",
         "etcd2", {"process": "etcd"}),
    Case("cpu", LOAD, "1", "0", "asked 50 % of 1 processors", options={"percent": 50, "cores": 1}),
    Case("memory", LOAD, "1", "0", "holds ", options={"mib": 100}),
    Case("disk_io", LOAD, "1", "0", "written and synced", options={"workers": 1, "mib": 8}),
    Case("disk_full", FULL, "full", "room", "in use"),
    Case(
        "fd_exhaust", KNOCK.format(address="127.0.0.1", port=7777) + "; " + TAKEN, "0\nnot taken", "0\ntaken",
        "no more", options={"process": "greeter.service"},
    ),
    Case("crash_loop", LOAD, "1", "0", "a new process each time",
         options={"process": "greeter.service", "every_s": 0.5}),
    Case("freeze_loop", LOAD, "1", "0", "greeter.service is frozen, for the ",
         options={"process": "greeter.service", "freeze_s": 0.5, "run_s": 0.5}),
)  # fmt: skip
IDS = [f"{case.fault}{'-' if case.options else ''}{'-'.join(map(str, case.options.values()))}" for case in CASES]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_it_bites_and_heals(case, inject, heal, told, on):
    until(lambda: on(case.host, case.look) == case.well, 10)
    entries = inject(case.fault, "etcd1", **case.options)
    assert on(case.host, case.look) == case.sick
    assert case.said in told.of("effective")[0]
    heal(entries)
    until(lambda: on(case.host, case.look) == case.well, 5)
    assert "all as before" in told.of("clean")[0]
    assert journals(on, "etcd1") == ""


def test_all_heal_by_themselves_when_their_controller_is_killed(controller, ways, on, told, heal):
    """All at once on one host: those that can live together do."""
    limit = 25
    # What needs a process that another has stopped, or killed, does not go together.
    cases = [case for case in CASES if case.fault not in ("stop_service", "crash_loop", "freeze_loop")]
    child = controller(*([case.fault, case.options, "etcd1", limit] for case in cases))
    said = []
    for line in child.stdout:
        said.append(line.strip())
        if said[-1] == "done":
            break
    child.kill()
    assert said[-1:] == ["done"], said
    until(lambda: journals(on, "etcd1") == "", limit + 10)
    for case in cases:
        until(lambda case=case: on(case.host, case.look) == case.well, 5)
    left = ledger.entries(ways.inventory)
    assert len(left) == len(cases)
    heal(left)
    assert len(told.of("clean")) == len(cases)


def test_what_does_not_go_with_others_heals_by_itself_too(controller, on, heal, ways):
    """Each on a host of its own: others need the process. A leader of etcd takes up to 7 s to hand its lead over."""
    limit = 15
    child = controller(
        ["stop_service", {"process": "etcd"}, "etcd1", 20],
        ["kill", {"process": "etcd"}, "etcd2", limit],
        ["freeze_loop", {"process": "greeter.service", "freeze_s": 1}, "etcd2", limit],
        ["crash_loop", {"process": "greeter.service", "every_s": 0.5}, "etcd3", limit],
        ["command", {"do": "touch /root/x", "proof": "test -e /root/x", "undo": "rm -f /root/x"}, "etcd3", limit],
    )
    for line in child.stdout:
        if line == "done\n":
            break
    child.kill()
    assert line == "done\n"
    for host in ("etcd1", "etcd2", "etcd3"):
        until(lambda host=host: journals(on, host) == "", 30)
        until(lambda host=host: on(host, "systemctl is-active etcd greeter") == "active\nactive", 10)
    assert on("etcd2", "systemctl show -P FreezerState greeter") == "running"
    assert on("etcd3", "ls /root/x") == ""
    left = ledger.entries(ways.inventory)
    assert len(left) == 5
    heal(left)


@pytest.mark.parametrize("step", ["recorded", "armed", "ready", "injected", "effective"])
def test_it_heals_at_whatever_step_its_controller_is_killed(controller, ways, on, heal, step):
    """It is at that step when it is killed: the fault bites at the last two, and the host is armed before."""
    child = controller(["partition", {}, "etcd1", 8], step=step)
    bites = step in ("injected", "effective")
    assert on("etcd3", PING.format(address=ETCD1)) == ("silence" if bites else "heard")
    assert ("faults-" in journals(on, "etcd1")) == (step != "recorded")
    child.kill()
    until(lambda: journals(on, "etcd1") == "", 18)
    assert on("etcd3", PING.format(address=ETCD1)) == "heard"
    left = ledger.entries(ways.inventory)
    assert [entry.host for entry in left] == ["etcd1"], "it was on record before anything else"
    heal(left)


def test_a_host_that_hears_of_no_new_login_heals_at_once(inject, heal, on, monkeypatch):
    """The guard on the host: seconds, not the limit."""
    with monkeypatch.context() as patch:
        patch.setattr(engine.undo, "stand_down_guard", lambda target: None)
        entries = inject("partition", "etcd1", limit_s=300)
    assert "FD-" in on("etcd1", "iptables -S INPUT")
    until(lambda: journals(on, "etcd1") == "", undo.GUARD_SECONDS + 4)
    assert "FD-" not in on("etcd1", "iptables -S INPUT")
    heal(entries)


@pytest.mark.parametrize(("limit_s", "guard"), [(undo.GUARD_SECONDS, False), (undo.GUARD_SECONDS + 1, True)])
def test_a_guard_that_would_not_be_first_is_not_armed(ways, limit_s, guard):
    target = Target(new_id(), "etcd1", ways.inventory["etcd1"], ways, limit_s)
    lines = undo.commands(target, "true", journal={}, files={}, guarded=True)
    assert any(f"--unit={undo.unit(target)}-guard" in line for line in lines) == guard


def test_a_timer_that_comes_second_ends_well(ways, on):
    """Another undid it, and has taken its files away but not yet stopped this timer."""
    with login(ways.inventory["etcd1"]) as connection:
        target = Target(new_id(), "etcd1", ways.inventory["etcd1"], ways, 2, connection)
        undo.arm(target, undo.commands(target, "true", journal={}, files={}))
        ssh.sh(connection, f"rm {undo.FOLDER}/{target.id}.*")
        try:
            until(lambda: journals(on, "etcd1") == "", 10)
        finally:
            undo.disarm(target)

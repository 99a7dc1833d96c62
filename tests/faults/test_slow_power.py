"""Power commands that take long, or return at once and act later, as those of clouds and BMCs do."""

import contextlib
import json
import os
import subprocess
import time
from dataclasses import replace

import pytest

from firedrill.cluster import clock, ssh
from firedrill.faults import active, deadman, engine, ledger
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.ledger import Entry
from firedrill.faults.power import out_of_band, press
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.labs import ROOT

ENTRY = Entry("0badcafe", "pause", {}, "db1", "db1", "/x.py", 1.0, 61.0, {})


class Machine:
    """A host whose power commands act `late_s` after they return, in a time that passes by sleeping alone."""

    def __init__(self, monkeypatch, tmp_path, late_s: float, power_seconds: object) -> None:
        access = Access(read(ROOT / "inventories/lab.py"), Secrets())
        host = access.inventory["db1"]
        self.host = replace(host, data=host.data | {"power_seconds": power_seconds})
        hosts = tuple(self.host if one.name == "db1" else one for one in access.inventory.hosts)
        self.access = replace(access, inventory=replace(access.inventory, hosts=hosts))
        self.late_s, self.on, self.off_at, self.booted = late_s, True, float("inf"), "1"
        monkeypatch.setattr(ledger, "folder", lambda inventory: tmp_path)
        monkeypatch.setattr(deadman, "start", lambda entry: None)
        monkeypatch.setattr(engine.serving, "note", lambda target: {})
        monkeypatch.setattr(engine.serving, "prove", lambda *_: "")
        monkeypatch.setattr(engine, "connected", lambda hosts: contextlib.nullcontext({"db1": object()}))
        monkeypatch.setattr(ssh, "connect", lambda host: contextlib.nullcontext(None))
        monkeypatch.setattr(ssh, "answers", lambda host, seconds=0: self.answers())
        monkeypatch.setattr(out_of_band, "boot_mark", lambda connection: self.booted)
        monkeypatch.setattr(out_of_band, "failed_units", lambda connection: [])
        monkeypatch.setattr(out_of_band, "press", self.press)
        monkeypatch.setattr(press, "command", lambda target, verb: "true")
        monkeypatch.setattr(press.Press, "go", lambda button: self.go(button))

    def answers(self) -> bool:
        if time.monotonic() >= self.off_at:
            self.on, self.off_at = False, float("inf")
        return self.on

    def go(self, button) -> None:
        button._began = clock.now()
        button._child = subprocess.Popen(["true"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.off_at = time.monotonic() + self.late_s

    def press(self, target, verb) -> None:
        self.on, self.booted = True, "2"

    def inject(self, told, limit_s=60.0) -> list[Entry]:
        plan = engine.plan(FAULTS["power_cut"](by="command"), "db1", self.access, limit_s=limit_s)
        return engine.inject(plan, self.access, told)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    monkeypatch.setattr(out_of_band, "SILENT_SECONDS", 0.1)
    monkeypatch.setattr(out_of_band, "LOOK_S", 0.02)
    monkeypatch.setattr(ssh, "SURE_SECONDS", 0.1)
    return lambda late_s, power_seconds=1.0: Machine(monkeypatch, tmp_path, late_s, power_seconds)


def test_a_command_that_acts_late_is_waited_for_and_dated_when_the_host_fell_silent(machine, told):
    it = machine(late_s=0.5)
    began = time.time()
    found = []
    (entry,) = it.inject(lambda *row: found.append(row))
    at = {phase: t for _, phase, _, t in found}["inject"] / 1e9
    assert at - began > 0.3
    assert entry.proven and abs(entry.struck - at) < 0.05 and abs(entry.until - entry.struck - 60) < 0.01
    assert ledger.find(it.access.inventory, entry.id) == entry
    engine.heal(entry, it.access, told)
    assert ledger.entries(it.access.inventory) == []


def test_a_command_that_acts_after_not_effective_is_healed_all_the_same(machine, told, monkeypatch):
    """Interrupted in its proof: the command has been given, and acts while all is healed."""
    it = machine(late_s=0.6)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(press.Strike, "_moment", lambda button: button._began)
    monkeypatch.setattr(out_of_band, "prove_off", interrupted)
    with pytest.raises(KeyboardInterrupt):
        it.inject(told)
    assert it.on and it.booted == "2"
    assert "its power command acted late" in told.of("clean")[0]


def test_a_command_that_does_nothing_is_clean_only_when_it_can_no_longer_act(machine, told):
    it = machine(late_s=float("inf"))
    began = time.monotonic()
    with pytest.raises(NotEffective, match="still answers SSH"):
        it.inject(told)
    assert time.monotonic() - began > 1
    assert "never went down" in told.of("clean")[0]
    assert ledger.entries(it.access.inventory) == []


@pytest.mark.parametrize("seconds", [-1, 601, "10", True, None, float("nan")])
def test_an_impossible_power_seconds_is_refused(machine, seconds):
    it = machine(0, seconds)
    with pytest.raises(Refused, match="`power_seconds` is"):
        FAULTS["power_cut"](by="command").refuse(Target("0badcafe", "db1", it.host, it.access, 60))


def test_an_undo_that_has_run_forbids_the_injection(machine, told, monkeypatch):
    """The process at the controller healed it while this one was stopped."""
    it = machine(late_s=0)
    real = press.Strike.__init__

    def slow(button, *words):
        real(button, *words)
        for entry in ledger.entries(it.access.inventory):
            ledger.remove(it.access.inventory, entry.id)

    monkeypatch.setattr(press.Strike, "__init__", slow)
    with pytest.raises(Refused, match="its undo has run already"):
        it.inject(told)
    assert it.off_at == float("inf"), "the command was not run"


# -- the process that heals ------------------------------------------------------------------------------


@pytest.fixture
def waiting(monkeypatch, tmp_path):
    """How long deadman.wait waits, in a time that passes by sleeping; `changes` are made to the ledger by then."""
    monkeypatch.setattr(ledger, "folder", lambda inventory: tmp_path)

    def run(entry, seconds, changes, controller: int | None = None) -> float:
        now = [0.0]

        def sleep(length):
            now[0] += length
            for at, change in list(changes):
                if now[0] >= at:
                    changes.remove((at, change))
                    change()

        monkeypatch.setattr(deadman.time, "sleep", sleep)
        monkeypatch.setattr(deadman.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(deadman.clock, "wall_s", lambda: 1.0 + now[0])
        ledger.write(None, entry)
        deadman.wait(None, entry.id, seconds, controller or os.getppid())
        return now[0]

    return run


def test_the_limit_counts_from_the_moment_at_which_it_took_effect(waiting):
    struck = replace(ENTRY, until=24.0, struck=14.0)
    entry = replace(ENTRY, until=11.0)
    assert waiting(entry, 10, [(13, lambda: ledger.write(None, struck))]) == pytest.approx(23, abs=0.5)


def test_without_its_controller_it_heals_at_the_limit(waiting):
    assert waiting(replace(ENTRY, until=11.0), 10, [], controller=os.getpid()) == pytest.approx(10, abs=0.5)


def test_a_controller_that_is_stopped_is_not_waited_for_for_ever(waiting):
    limit = 10 + deadman.MOST_PENDING_S
    assert waiting(replace(ENTRY, until=11.0), 10, []) == pytest.approx(limit, abs=0.5)


def test_what_was_healed_meanwhile_is_not_waited_for(waiting):
    assert waiting(replace(ENTRY, until=11.0), 10, [(12, lambda: ledger.remove(None, ENTRY.id))]) < 13


@pytest.mark.parametrize("odd", [{"struck": "x"}, {"struck": [1]}, {"struck": float("nan")}, {"proven": "yes"}])
def test_an_odd_record_is_damaged(odd):
    data = json.loads(json.dumps(ENTRY.__dict__)) | odd
    with pytest.raises(ValueError):
        ledger.entry_of(data, ENTRY.id)


def test_what_was_proven_has_no_command_pending():
    host = type("Host", (), {"data": {"power_seconds": 30}})()
    now = clock.wall_s()
    assert active._pending_until(replace(ENTRY, struck=now - 5), host) == pytest.approx(time.monotonic() + 25, abs=1)
    assert active._pending_until(replace(ENTRY, struck=now - 5, proven=True), host) == 0

"""The faults of a run are watched while they are active, and each is doubted once."""

import threading
import time
from dataclasses import replace

import pytest

from firedrill.experiments.run import fault_watch
from firedrill.experiments.run.fault_watch import FaultWatch
from firedrill.faults import lasting
from firedrill.faults.lasting import LAPSED, STILL, UNOBSERVED, Look
from firedrill.faults.ledger import Entry
from firedrill.faults.protocol import NotEffective, Refused

ENTRY = Entry("0badcafe", "pause", {}, "leader", "db1", "/x.py", 1.0, 61.0, {})


class Watched:
    """A watch whose looks answer what `answers` holds, the last of them again and again."""

    def __init__(self, monkeypatch, answers):
        self.told, self.looked = [], threading.Event()
        self.answers = answers
        monkeypatch.setattr(fault_watch, "INTERVAL_S", 0.01)
        monkeypatch.setattr(fault_watch.lasting, "held_by_host", lambda *_: False)
        monkeypatch.setattr(fault_watch.lasting, "look", self.look)
        self.watch = FaultWatch(None, self.tell)

    def look(self, *_):
        found = self.answers[0]
        if len(self.answers) > 1:
            self.answers.pop(0)
        else:
            self.looked.set()
        if isinstance(found, Exception):
            raise found
        return found

    def tell(self, entry, phase, detail, t):
        if self.watch.note(entry, phase):
            self.told.append((entry.id, phase, detail, t))

    def until_all_is_seen(self):
        with self.watch.running():
            assert self.looked.wait(10)
            time.sleep(0.05)


def test_one_that_lapses_is_told_once(monkeypatch):
    it = Watched(monkeypatch, [Look(STILL, "yes"), KeyError("x"), Look(UNOBSERVED, "?"), Look(LAPSED, "gone", 7)])
    it.tell(ENTRY, "effective", "off", None)
    it.until_all_is_seen()
    it.tell(ENTRY, LAPSED, "gone, said the look before it is healed", None)
    assert it.told == [(ENTRY.id, "effective", "off", None), (ENTRY.id, LAPSED, "gone", 7)]


def test_one_that_is_not_proven_yet_or_being_healed_is_not_looked_at(monkeypatch):
    it = Watched(monkeypatch, [Look(LAPSED, "gone")])
    other = replace(ENTRY, id="600dcafe")
    it.tell(ENTRY, "inject", "off", None)
    it.tell(other, "effective", "off", None)
    it.tell(other, "heal", "on", None)
    with it.watch.running():
        assert not it.looked.wait(0.2)
    it.tell(other, LAPSED, "what a look said that was slower than the healing", None)
    assert [phase for _, phase, _, _ in it.told] == ["inject", "effective", "heal"]


@pytest.mark.parametrize(
    ("answer", "now", "found"),
    [
        ("off", 9, Look(STILL, "off")),
        (None, 9, None),
        (NotEffective("db1 answers SSH", ""), 9, Look(LAPSED, "db1 answers SSH")),
        (NotEffective("gone", ""), 61, Look(LAPSED, "db1: its own limit of 60 s ended it", 61_000_000_000)),
        (Refused("db1 does not answer SSH", "is it on?"), 9, Look(UNOBSERVED, "db1 does not answer SSH")),
        (KeyError("pid"), 9, Look(UNOBSERVED, "its record is incomplete (KeyError: 'pid')")),
    ],
)
def test_what_a_look_finds(monkeypatch, answer, now, found):
    class Fault:
        def still(self, target):
            if isinstance(answer, Exception):
                raise answer
            return answer

    monkeypatch.setattr(lasting, "fault_of", lambda *_: Fault())
    monkeypatch.setattr(lasting, "target_of", lambda *_: None)
    monkeypatch.setattr(lasting.clock, "wall_s", lambda: now)
    monkeypatch.setattr(lasting.clock, "of_wall", lambda moment: moment)
    assert lasting.look(ENTRY, None, {}) == found

"""A controller whose clock is stepped, or that is suspended, during a run: recorded, noted, and no figure moves."""

import json
from collections.abc import Callable

import pytest

from firedrill.cluster import clock
from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.judge.verdict import judge_events
from firedrill.experiments.observe import stalls
from firedrill.experiments.run import clock_watch
from tests.experiments.judge.builder import FAULT_AT, at, power_cut_run
from tests.machine import SECOND, Machine, installed

MOMENTS = ("t", "start", "due")


@pytest.fixture
def machine(monkeypatch):
    return installed(monkeypatch, wall=FAULT_AT - 100 * SECOND)


@pytest.fixture(scope="module")
def untouched() -> Verdict:
    """The verdict where nothing happens to the clock."""
    return judge_events(power_cut_run())


def recorded(machine: Machine, when: float, happens: Callable[[], None]) -> list[dict]:
    """The events of a run on a machine to which something happens, `when` seconds from the fault.

    Each moment is read from the clock of a run as observers do, and the runner looks at the clocks twice a second.
    """
    events, notes = power_cut_run(), []

    def write(kind, **fields):
        notes.append({"t": clock.now(), "source": "clock", "host": None, "kind": kind} | fields)

    moments = {event[name] for event in events for name in MOMENTS if event.get(name)}
    looks = set(range(min(moments), max(moments), SECOND // 2))
    watch, seen, last = None, {}, FAULT_AT - 100 * SECOND
    for moment in sorted(moments | looks | {at(when)}):
        machine.pass_time(moment - last)
        last = moment
        if moment == at(when):
            happens()
        if watch is None:
            watch = clock_watch.ClockWatch(write, lambda _: None)
        if moment in looks:
            watch.look()
        seen[moment] = clock.now()
    watch.look()
    changed = [event | {name: seen[event[name]] for name in MOMENTS if event.get(name)} for event in events]
    return changed + notes


def verdict(events: list[dict]) -> Verdict:
    return judge_events(events)


@pytest.mark.parametrize("when, seconds", [(-8.0, -90), (3.0, 2), (3.0, -2), (3.0, -90), (20.0, 0.3), (45.0, -2)])
def test_a_step_of_the_clock_moves_no_figure_and_is_noted(machine, untouched, when, seconds):
    found = verdict(recorded(machine, when, lambda: machine.step(round(seconds * SECOND))))
    assert found.verdict == "pass" and found.rto_ms == untouched.rto_ms
    assert found.phases == untouched.phases and found.rejoin_ms == untouched.rejoin_ms
    [note] = found.notes
    assert f"{seconds:+.3f} s" in note and "stepped" in note


def test_a_clock_that_nobody_touches_leaves_no_note(machine):
    found = verdict(recorded(machine, 3.0, lambda: None))
    assert found.notes == () and found.verdict == "pass"


@pytest.mark.parametrize("seconds", [0.5, 3, 90])
def test_a_machine_suspended_during_the_outage_has_not_measured_it(machine, seconds):
    found = verdict(recorded(machine, 3.0, lambda: machine.suspend(round(seconds * SECOND))))
    assert found.verdict == "unknown" and found.rto_ms is None
    reasons = [text for text in found.why if "suspended" in text]
    assert len(reasons) == 1 and f"suspended for {seconds:.2f} s" in reasons[0]
    assert not [text for text in found.why if "found a gap" in text], "one cause, one reason"


def test_a_machine_suspended_after_the_outage_has_not_seen_everything(machine, untouched):
    found = verdict(recorded(machine, 30.0, lambda: machine.suspend(20 * SECOND)))
    assert found.verdict == "unknown" and found.dual_primary_ms is None
    assert found.rto_ms == untouched.rto_ms, "what was measured before it stays"


def test_a_suspension_before_the_fault_is_excluded(machine, untouched):
    found = verdict(recorded(machine, -12.0, lambda: machine.suspend(60 * SECOND)))
    assert found.verdict == "pass" and found.rto_ms == untouched.rto_ms
    assert "suspended for 60.00 s" in found.notes[0] and "excluded" in found.notes[0]


def test_an_outage_without_an_end_is_none_however_long_the_machine_slept_before(machine, monkeypatch):
    """The longest pause before a fault is what an outage must exceed; a suspension is no pause of the cluster."""
    events = power_cut_run(back=False)
    monkeypatch.setattr("tests.experiments.run.test_clock_watch.power_cut_run", lambda: events)
    found = verdict(recorded(machine, -12.0, lambda: machine.suspend(300 * SECOND)))
    assert found.verdict == "fail" and found.rto_ms is None


def stalled(process: str, begin: float, end: float) -> dict:
    return {"t": at(end), "source": "clock", "host": None, "kind": "stalled", "start": at(begin), "process": process}


def test_an_observer_that_did_not_run_has_not_seen_when_writes_returned():
    found = judge_events([*power_cut_run(), stalled("write_probe", 19.0, 21.5)])
    assert found.verdict == "unknown" and found.rto_ms is None
    assert any(text.startswith("write_probe: wanted it to run throughout, found that it stalled for 2.50 s")
               for text in found.why)  # fmt: skip


def compared(**moved_ms: float) -> list[dict]:
    """The clocks of hosts before and after a run, in which they moved by so much against the controller's."""

    def told(seconds: float, host: str, ms: float) -> dict:
        fields = {"source": "runner", "kind": "host_clock", "offset_ms": ms, "error_ms": 3.0}
        return {"t": at(seconds), "host": host} | fields

    rows = [(told(-14, host, -20.0), told(47.5, host, ms - 20.0)) for host, ms in moved_ms.items()]
    return [*power_cut_run(), *(event for pair in rows for event in pair)]


def test_a_controller_that_its_hypervisor_paused_is_shown_by_the_hosts_clocks():
    found = judge_events(compared(db1=0, db2=30_010, db3=29_995, etcd1=30_100))
    assert found.verdict == "unknown"
    assert "The controller: wanted it to run throughout, found that it lost 30.01 s to all hosts." in found.why


@pytest.mark.parametrize(
    "moved",
    [
        {"db2": 30_000.0},
        {"db2": 30_000.0, "db3": 0.0},
        {"db2": 400.0, "db3": 400.0},
        {"db2": -30_000.0, "db3": -30_000.0},
        {"db1": 30_000.0, "db2": 0.0, "db3": 0.0},
    ],
    ids=["one host", "not together", "little", "back", "the host with the fault"],
)
def test_clocks_of_hosts_that_moved_by_themselves_show_nothing(moved):
    assert judge_events(compared(**moved)).verdict == "pass"


def test_a_runner_that_did_not_run_is_noted():
    found = judge_events([*power_cut_run(), stalled("runner", 19.0, 22.0)])
    assert found.verdict == "pass" and "runner did not run for 3.00 s" in found.notes[0]


def test_a_loop_records_that_it_did_not_run(machine):
    events = []
    began = clock.now()
    machine.pass_time(SECOND)
    last = stalls.note("tcp", began, lambda kind, **fields: events.append((kind, fields)), stalls.INTERVAL_S)
    assert not events and last == clock.now()
    machine.pass_time(4 * SECOND)
    stalls.note("tcp", last, lambda kind, **fields: events.append((kind, fields)), stalls.INTERVAL_S)
    assert events == [("stalled", {"t": clock.now(), "start": last, "process": "tcp"})]


def test_the_watch_of_a_run_leaves_a_file_and_no_thread(tmp_path):
    said = []
    with clock_watch.watching(tmp_path, said.append):
        pass
    text = (tmp_path / "clock.jsonl").read_text()
    assert all(json.loads(line)["source"] == "clock" for line in text.splitlines())

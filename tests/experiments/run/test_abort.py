"""A stop condition: what the users recorded ends a run early, which is then healed, looked at and judged *unknown*."""

import json
import signal
import threading
import time
from dataclasses import dataclass

import pytest

from firedrill.cluster import clock
from firedrill.experiments.judge.verdict import judge_events
from firedrill.experiments.model import AbortWhen, Load, StepContext
from firedrill.experiments.observe.writer import Follow
from firedrill.experiments.run.abort import SIGNAL, Window, armed
from firedrill.inventories.errors import Problem
from tests.experiments.judge.builder import power_cut_run
from tests.experiments.run.test_broken_off import Cluster

SECOND = 10**9
T = 1_700_000_000 * SECOND


def request(t: int, outcome: str) -> dict:
    method = "GET" if outcome in ("ok", "error") else "POST"
    fields = {"t": t, "source": "users", "host": None, "kind": "request", "id": "x", "method": method, "name": "/"}
    return fields | {"due": t, "start": t, "status": 0, "outcome": outcome, "error": None}


def window(condition: AbortWhen, *events: dict) -> Window:
    found = Window(condition, T)
    for event in events:
        found.add(event)
    return found


@dataclass(frozen=True)
class Users:
    """A step in which requests come to this, and which then takes its time."""

    outcomes: tuple[str, ...]
    seconds: float

    def carry_out(self, run: StepContext) -> None:
        with open(run.parts / "users.jsonl", "a") as file:
            for outcome in self.outcomes:
                file.write(json.dumps(request(clock.now(), outcome)) + "\n")
        time.sleep(self.seconds)


@pytest.fixture
def cluster(tmp_path, monkeypatch) -> Cluster:
    return Cluster(tmp_path, monkeypatch)


def test_too_many_errors_end_the_run_and_heal(cluster):
    began = time.monotonic()
    users = Users(("ok",) * 93 + ("error", "failed", "unknown") + ("error",) * 4, 30)
    verdict = cluster.run(users, Users((), 30), abort_when=AbortWhen(0.05, within_s=10))
    assert time.monotonic() - began < 10
    said = "aborted: 7.0 % of 100 requests failed in the last 10 s, limit 5 %"
    assert verdict["verdict"] == "unknown"
    assert any(said in sentence for sentence in verdict["why"])
    (broken,) = cluster.of("broken_off")
    assert (broken["error"], broken["traceback"]) == (said, None)
    assert cluster.of("end")[0]["detail"] == said
    after = cluster.calls[cluster.calls.index("observers start") :]
    assert after == ["observers start", "heal", "steady", "observers stop", "tables", "settings restored", "logs"]
    assert cluster.of("steady")[-1]["phase"] == "after"


@pytest.mark.parametrize(("lost", "verdict"), [((), "unknown"), ((100,), "fail")])
def test_a_run_that_fell_short_before_it_was_aborted_fails(lost, verdict):
    """Otherwise it is not known what would have become of it."""
    events = power_cut_run(lost_probe=lost)
    for event in events:
        if event["kind"] == "end":
            event |= {"ok": False, "detail": "aborted: 7.0 % of 100 requests failed", "steps_done": False}
    found = judge_events(events)
    assert found.verdict == verdict
    assert any("aborted: 7.0 %" in sentence for sentence in found.why)


def test_events_that_cannot_be_read_end_the_run(cluster):
    """They are no events without errors. The judge refuses such a recording, too."""

    @dataclass(frozen=True)
    class Torn:
        def carry_out(self, run: StepContext) -> None:
            (run.parts / "users.jsonl").write_text('{"t": 1, "kind": "request"}\n')
            time.sleep(30)

    began = time.monotonic()
    assert cluster.run(Torn(), abort_when=AbortWhen(0.05))["verdict"] == "unknown"
    assert time.monotonic() - began < 10
    assert "the events of the users cannot be read (KeyError" in cluster.of("broken_off")[0]["error"]


def test_as_many_errors_as_allowed_end_nothing(cluster):
    verdict = cluster.run(Users(("ok",) * 95 + ("error",) * 5, 1), abort_when=AbortWhen(0.05))
    assert cluster.of("broken_off") == []
    assert not any("aborted" in sentence for sentence in verdict["why"])


def test_errors_after_the_steps_end_nothing(cluster):
    """Healing is not aborted."""
    handler, threads = signal.getsignal(SIGNAL), set(threading.enumerate())
    cluster.run(Users(("ok",) * 20, 0), abort_when=AbortWhen(0.05))
    assert cluster.of("end")[0]["ok"] is True
    assert signal.getsignal(SIGNAL) == handler
    assert set(threading.enumerate()) <= threads


@pytest.mark.parametrize(("more", "said"), [
    ({"load": Load(rates={})}, "this experiment has none"),
])  # fmt: skip
def test_what_cannot_be_watched_is_refused(cluster, more, said):
    with pytest.raises(Problem, match=said):
        cluster.run(abort_when=AbortWhen(0.05), **more)
    assert "settings set" not in cluster.calls


def test_another_thread_than_the_main_one_is_refused(cluster):
    raised = []

    def run():
        try:
            cluster.run(abort_when=AbortWhen(0.05))
        except Problem as problem:
            raised.append(str(problem))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert "only the main thread" in raised[0]


def test_requests_leave_the_window():
    limit = AbortWhen(0.05, within_s=10)
    events = [request(T, "error")] * 20 + [request(T + 9 * SECOND, "ok")] * 20
    found = window(limit, *events)
    assert found.reason(T + 10 * SECOND)
    assert found.reason(T + 11 * SECOND) is None


def test_a_few_requests_show_no_rate():
    assert window(AbortWhen(0.05), *[request(T, "error")] * 9).reason(T) is None
    assert window(AbortWhen(0.05), *[request(T, "error")] * 10).reason(T)


def test_a_limit_of_none_takes_one_error():
    found = window(AbortWhen(0), *[request(T, "ok")] * 99, request(T, "unknown"))
    assert found.reason(T) == "aborted: 1.0 % of 100 requests failed in the last 10 s, limit 0 %"


def test_users_of_whom_nothing_is_heard_are_no_users_without_errors():
    found = window(AbortWhen(0.05), {"t": T + SECOND, "kind": "alive", "users": 20})
    assert found.reason(T + 10 * SECOND) is None
    assert "their errors are not known" in found.reason(T + 12 * SECOND)


def test_a_line_that_is_read_in_parts_is_one_event(tmp_path):
    file, follow = tmp_path / "users.jsonl", Follow(tmp_path / "users.jsonl")
    assert follow.new() == []
    line = json.dumps(request(T, "ok"))
    file.write_text(line[:10])
    assert follow.new() == []
    file.write_text(f"{line}\n{line}\n{line[:3]}")
    assert follow.new() == [request(T, "ok")] * 2
    assert follow.new() == []


@pytest.mark.parametrize(("errors", "within_s"), [(1, 10), (-0.1, 10), (5, 10), (float("nan"), 10), (0.05, 0)])
def test_a_limit_that_makes_no_sense_is_refused(errors, within_s):
    with pytest.raises(Problem):
        AbortWhen(errors, within_s)


def test_without_a_condition_nothing_is_armed(tmp_path):
    handler = signal.getsignal(SIGNAL)
    with armed(None, tmp_path / "users.jsonl"):
        assert signal.getsignal(SIGNAL) == handler

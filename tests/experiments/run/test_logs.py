"""Excerpts of the hosts' logs: around the turning points only, bounded, in our own time, and without a password."""

import contextlib
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from firedrill.experiments.judge.facts import TurningPoint
from firedrill.experiments.judge.recording import record
from firedrill.experiments.judge.spans import SECOND
from firedrill.experiments.judge.turning import turning_points_of
from firedrill.experiments.judge.verdict import judge_events
from firedrill.experiments.run import logs
from firedrill.experiments.run.programs import excerpts
from firedrill.experiments.run.redaction import redacted
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets


@pytest.fixture
def ways():
    return Access(read(), Secrets({"superuser": "s3cret-One", "replication": "s3cret-Two"}))


def test_the_turning_points_are_those_of_the_failover(builder):
    assert [point.text for point in turning_points_of(record(builder.power_cut_run()))] == [
        "power cut of db1: injected",
        "db1 no longer holds the leadership",
        "db2 takes the leadership",
        "db2 takes its first write",
        "writes are acknowledged again",
        "power cut of db1: healed",
        "the cluster is in its steady state again",
    ]


def test_a_run_in_progress_has_turning_points(builder):
    events = [event for event in builder.power_cut_run() if event["t"] < builder.at(20)]
    assert [point.text for point in turning_points_of(record(events))] == [
        "power cut of db1: injected",
        "db1 no longer holds the leadership",
    ]


def test_windows_that_meet_are_one():
    found = logs.windows([TurningPoint(n * SECOND, "") for n in (10, 11, 20)])
    assert [(span.begin / SECOND, span.end / SECOND) for span in found] == [(9.5, 12.5), (19.5, 21.5)]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("password=s3cret-One", "password=•••"),
        ("connecting with s3cret-Two to db1", "connecting with ••• to db1"),
        ("PASSWORD 'unknown to us'", "PASSWORD •••"),
        ("postgres://user:unknown@db1/x", "postgres://user:•••@db1/x"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic •••"),
        ("'SCRAM-SHA-256$4096:salt$stored:server'", "'SCRAM-SHA-256$•••"),
        ('{"password": "hidden"}', '{"password": •••}'),
    ],
)
def test_no_password_gets_in(ways, text, left):
    assert redacted(text, ways) == left


def test_what_is_no_password_stays(ways):
    text = 'FATAL:  password authentication failed for user "weather"'
    assert redacted(text, ways) == text


def test_lines_that_say_the_same_are_counted():
    rows = [[n, "u", f"FATAL: client {n} refused"] for n in range(5)] + [[9, "u", "LOG: ready"]]
    assert excerpts.thinned(rows, 10) == ([[0, "u", "FATAL: client 0 refused", 5], [9, "u", "LOG: ready", 1]], 0)


def test_of_too_many_the_first_and_the_last_stay():
    rows = [[n, "u", "x" * (n + 1)] for n in range(100)]
    kept, left = excerpts.thinned(rows, 10)
    assert [row[0] for row in kept] == [0, 1, 2, 3, 4, 95, 96, 97, 98, 99]
    assert left == 90


def test_a_message_of_several_lines_is_one():
    rows = [(1, "u", "ERROR: no"), (1, "u", "\t"), (1, "u", "\tHINT: yes"), (2, "v", "\tother")]
    assert excerpts.joined(rows) == [[1, "u", "ERROR: no  HINT: yes"], [2, "v", "\tother"]]


def test_files_of_postgresql_are_read_within_the_windows(tmp_path):
    file = tmp_path / "postgresql.log"
    file.write_text(
        "2026-11-21 13:00:00.500 UTC [1] LOG:  before\n"
        "2026-11-21 13:00:01.500 UTC [1] LOG:\n"
        "\twithin\n"
        "2026-11-21 14:00:01.700 +01:00 [1] LOG:  within, in another zone\n"
        "2026-11-21 13:00:09.500 UTC [1] LOG:  after\n"
    )
    begin = 1_795_266_001_000_000
    asked = {"windows": [[begin, begin + 1_000_000]], "units": [], "files": [str(tmp_path / "*.log")], "lines": 9}
    asked |= {"bytes": 60, "without": ["nothing"]}
    done = subprocess.run([sys.executable, logs.PROGRAM, json.dumps(asked)], capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["at"] - begin for row in rows] == [500_000, 700_000]
    assert rows[0]["text"].endswith("within")
    assert rows[1]["cut"], "at most so many bytes a line"


def test_what_our_own_probes_make_a_standby_log_is_left_out(tmp_path):
    file, at = tmp_path / "postgresql.log", "2026-11-21 13:00:01.500 UTC [1]"
    refused = "ERROR:  cannot execute INSERT in a read-only transaction"
    file.write_text(
        f"{at} firedrill@weather {refused}\n"
        f"{at} firedrill@weather STATEMENT:  INSERT INTO firedrill.node_probe VALUES (1)\n"
        f"{at} weather@weather {refused}\n"
    )
    begin = 1_795_266_001_000_000
    asked = {"windows": [[begin, begin + 1_000_000]], "units": [], "files": [str(file)], "lines": 9, "bytes": 500}
    asked |= {"without": logs.NOISE}
    done = subprocess.run([sys.executable, logs.PROGRAM, json.dumps(asked)], capture_output=True, text=True, check=True)
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == [f"{at} weather@weather {refused}"]


def test_a_host_that_does_not_answer_is_noted(ways, builder, tmp_path):
    hosts = tuple(
        replace(host, address="127.0.0.9", data=host.data | {"ssh_port": 1}) for host in ways.inventory.hosts[:1]
    )
    ways = replace(ways, inventory=replace(ways.inventory, hosts=hosts))
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(e) + "\n" for e in builder.power_cut_run()))
    logs.collect(ways, tmp_path)
    (row,) = [json.loads(line) for line in (tmp_path / "logs.jsonl").read_text().splitlines()]
    assert (row["source"], row["kind"], row["host"]) == ("logs", "silent", hosts[0].name)


@pytest.mark.parametrize("answer", ["[1]", '{"window": 99, "left": 1}', '{"at": 1}', "null", "Welcome"])
def test_a_host_that_answers_nonsense_is_noted(ways, monkeypatch, answer):
    host = ways.inventory.hosts[0]
    monkeypatch.setattr(logs.ssh, "connect", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(logs.host_clock, "offset", lambda _: (0, 0))
    monkeypatch.setattr(logs.ssh, "sh", lambda *_, **__: answer)
    rows = logs.of_host(host, ways, [TurningPoint(1_000_000_000, "a fault")])
    assert [(row["kind"], row["host"]) for row in rows] == [("clock", host.name), ("silent", host.name)]


def said(builder):
    """Log events as a run records them, about the builder's run."""

    def line(seconds, host, unit, text, **more):
        return builder.event(seconds, "logs", "line", host, unit=unit, text=text, times=1, **more)

    near = {"turn": "the leader key is gone", "turn_t": builder.at(18.62)}
    return [
        builder.event(60, "logs", "clock", "db2", offset_ms=-1.5, error_ms=0.2),
        builder.event(60, "logs", "silent", "db3", error="db3 does not answer SSH: is it on?"),
        line(18.9, "db2", "patroni", "2026-11-18 11:06:58,900 INFO: promoted <self> to leader", **near),
        line(18.7, "db2", "patroni", "2026-11-18 11:06:58.700 UTC [12] LOG:  waiting", **near),
        builder.event(19.9, "logs", "left_out", "db2", lines=4),
    ]


def test_the_judge_does_not_look_at_them(builder):
    events = builder.power_cut_run()
    assert judge_events(sorted(events + said(builder), key=lambda e: e["t"])) == judge_events(events)

"""The quick suite as CI runs it, unattended: what does not hang on this machine's speed must hold."""

import json
from pathlib import Path

import pytest

from firedrill.experiments.catalogue import QUICK
from firedrill.experiments.judge.recording import load_events
from firedrill.experiments.judge.spans import SECOND
from firedrill.faults import ledger
from tests.experiments.cluster.helpers import missed, on

pytestmark = pytest.mark.lab("suite")
# test_on_cluster.py has looked at it closely.
ELSEWHERE = ("leader_power_cut", "mysqld_killed")  # the second is of another system
NAMES = [*(name for name in QUICK if name not in ELSEWHERE), "proxy_cut_from_patroni", "short_freezes"]
# Figures that count a request that took too long as one that failed, and of which requests.
ERRORS = {"user_errors": ("GET", "POST"), "read_errors": ("GET",)}


@pytest.fixture(scope="module")
def suite(ways, deployed, command, tmp_path_factory):
    """`experiments suite --only ... --json`: what it said, and its folder."""
    reports = tmp_path_factory.mktemp("suite")
    junit = reports / "junit.xml"
    done = command(
        "experiments", "-i", deployed, "suite", "--only", ",".join(NAMES), "--seed", 3, "--reports", reports,
        "--junit", junit, "--json", seconds=1500,
    )  # fmt: skip
    assert done.stdout, done.stderr
    assert junit.stat().st_size
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_it_ran_and_nothing_was_lost(suite, name):
    (row,) = [row for row in suite["rows"] if row["experiment"] == name]
    verdict = json.loads((Path(suite["report"]) / row["verdict_file"]).read_text())
    assert row["verdict"] in ("pass", "fail"), row["why"]
    assert (verdict["lost"], verdict["dual_primary_ms"], verdict["diverged"]) == (0, 0, 0), row["why"]
    assert (verdict["steady_before"], verdict["steady_after"]) == (True, True)
    events = Path(suite["report"]) / row["report"] / "events.jsonl"
    assert [item for item in missed(verdict) if not _was_slow(item["metric"], events)] == [], row["why"]


def _was_slow(metric: str, file: Path) -> bool:
    """Whether a count of errors is one of timeouts alone: this machine's speed. Refused, reset or answered is not."""
    events = load_events(file) if metric in ERRORS else []
    limits = [event["load"]["timeout_s"] for event in events if event["kind"] == "run"]
    requests = [event for event in events if event["kind"] == "request" and event["method"] in ERRORS[metric]]
    bad = [event for event in requests if event["outcome"] not in ("ok", "acked")]
    return bool(bad) and all(
        event["status"] == 0
        and event["error"].startswith("TimeoutError")
        and event["t"] - event["start"] >= limits[0] * SECOND
        for event in bad
    )


def test_it_ends_with_a_whole_cluster_and_clean_hosts(suite, sound):
    assert suite["whole"] is True
    assert ledger.entries(sound.inventory) == []
    for host in sound.inventory.hosts:
        assert on(sound, host.name, "ls /var/lib/faults 2>/dev/null || true") == ""


def test_all_of_it_is_on_one_page(suite):
    page = (Path(suite["report"]) / "suite.html").read_text()
    assert all(name in page for name in NAMES)

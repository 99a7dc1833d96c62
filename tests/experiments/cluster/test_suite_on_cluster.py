"""The quick suite as CI runs it, unattended: what does not hang on this machine's speed must hold."""

import json
from pathlib import Path

import pytest

from experiments.catalogue import QUICK
from faults import ledger
from tests.experiments.cluster.helpers import on

pytestmark = pytest.mark.lab
# test_on_cluster.py has looked at it closely.
NAMES = [name for name in QUICK if name != "leader_power_cut"]


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
    # Seconds are this machine's; what else was expected must hold.
    short = [e for e in verdict["expectations"] if e["verdict"] != "pass" and not e["metric"].endswith("_ms")]
    assert short == [], row["why"]


def test_it_ends_with_a_whole_cluster_and_clean_hosts(suite, sound):
    assert suite["whole"] is True
    assert ledger.entries(sound.inventory) == []
    for host in sound.inventory.hosts:
        assert on(sound, host.name, "ls /var/lib/faults 2>/dev/null || true") == ""


def test_all_of_it_is_on_one_page(suite):
    page = (Path(suite["report"]) / "suite.html").read_text()
    assert all(name in page for name in NAMES)

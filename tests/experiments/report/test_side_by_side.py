"""Two suites compared: pairs of the same fault, figures of the verdicts alone, and nothing invented."""

import json

import pytest

from firedrill.experiments.catalogue import COUNTERPARTS, EXPERIMENTS
from firedrill.experiments.report import side_by_side, suite


@pytest.fixture
def both(made):
    first = made("one", rto_ms=21000, leader_power_cut="pass", postgres_killed="fail", etcd_two_down="skipped")
    second = made("two", rto_ms=8500, mysqld_killed="pass", leader_power_cut="unknown", group_majority_lost="error")
    return suite.load([first]), suite.load([second])


def test_the_same_fault_is_one_row_whatever_its_name(both):
    rows = side_by_side.pairs(*both, COUNTERPARTS)
    names = [tuple(side and side.experiment for side in (row.first, row.second)) for row in rows]
    assert names == [
        ("leader_power_cut", "leader_power_cut"),
        ("postgres_killed", "mysqld_killed"),
        ("etcd_two_down", None),
        (None, "group_majority_lost"),
    ]
    assert side_by_side.pairs(*reversed(both), COUNTERPARTS)[0].second.experiment == "postgres_killed"


def test_figures_are_those_of_the_verdicts(both):
    rows = side_by_side.pairs(*both, COUNTERPARTS)
    known = both[0].rows[0].figures
    first, second = rows[0].first, rows[0].second
    assert (first.rto_ms, second.rto_ms) == (21000, 8500)
    assert (first.lost, first.ghost, first.back_at_95_ms) == (known.lost, known.ghost, known.phases.recover95_ms)
    assert first.rate_before == pytest.approx(known.before.write_rate + known.before.read_rate, abs=0.1)


def test_what_was_not_run_has_no_figure(both, tmp_path):
    page = side_by_side.write(*both, COUNTERPARTS, tmp_path / "new" / "page")
    lines = (page.parent / "compare.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith("| etcd_two_down"))
    assert [cell.strip() for cell in row.split("|")[2:4]] == [side_by_side.NONE, ""]
    assert "21.00 s" in page.read_text() and "8.50 s" in page.read_text()


def test_each_pair_exists():
    assert {*COUNTERPARTS, *COUNTERPARTS.values()} <= set(EXPERIMENTS)


def test_the_command(both, quick, tmp_path):
    folders = [one.folder for one in both]
    done = quick("experiments", "compare", *folders, "--to", tmp_path / "page", "--json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert [row["first"] and row["first"]["verdict"] for row in shown["rows"]] == ["pass", "fail", "skipped", None]
    assert (tmp_path / "page/compare.html").exists()
    assert quick("experiments", "compare", folders[0], tmp_path / "nowhere").returncode == 2

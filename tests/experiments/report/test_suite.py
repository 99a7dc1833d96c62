"""Many runs on one page and on a terminal: each row shows what the run's verdict contains."""

import json

import pytest

from firedrill.experiments.judge.verdict import assess
from firedrill.experiments.report import suite, suite_page
from firedrill.inventories.errors import Problem


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        (("pass", "pass"), "pass"),
        (("pass", "skipped"), "pass"),
        (("pass", "unknown"), "unknown"),
        (("error", "unknown"), "error"),
        (("error", "fail"), "fail"),
        (("skipped",), "unknown"),
        ((), "unknown"),
    ],
)
def test_the_worst_verdict_is_the_suites(made, verdicts, worst):
    assert suite.load([made("one", **{f"e{n}": verdict for n, verdict in enumerate(verdicts)})]).verdict == worst


def test_the_page_has_a_row_per_experiment(made, tmp_path):
    folder = made("one", leader_power_cut="pass", lost_some="fail", odd="unknown", broke="error", left="skipped")
    suite_page.write(suite.load([folder]), None, folder)
    for name in ("suite.html", "suite.md"):
        text = (folder / name).read_text()
        for word in (
            "leader_power_cut/report.html",
            "lost_some was fail",
            "21.10 s",
            "20.10 s to 23.40 s",
            "within",
            "88 %",
            "never",
        ):
            assert word in text, (name, word)
        assert "leader_power_cut was pass" not in text
    page = (folder / "suite.html").read_text()
    assert "<because>" not in page
    assert "<script" not in page
    assert (folder / "suite.png").read_bytes().startswith(b"\x89PNG")


def test_a_cluster_left_broken_is_reported(made, without_pictures):
    folder = made("one", a="pass")
    known = json.loads((folder / "suite.json").read_text()) | {"whole": False, "detail": "db2 is <stopped>"}
    (folder / "suite.json").write_text(json.dumps(known))
    suite_page.write(suite.load([folder]), None, folder)
    assert "left outside its steady state: db2 is &lt;stopped&gt;" in (folder / "suite.md").read_text()
    assert "left outside its steady state: db2 is &lt;stopped&gt;" in (folder / "suite.html").read_text()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"a": "pass"}, {"a": "pass"}, ["same"]),
        ({"a": "pass"}, {"a": "fail"}, ["was pass", "lost +1"]),
        ({"a": "pass", "gone": "pass"}, {"a": "pass"}, ["No longer in the suite: gone.", "same"]),
        ({"a": "pass"}, {"a": "pass", "b": "pass"}, ["new", "same"]),
        ({"a": "pass", "rto_ms": 10_000.0}, {"a": "pass"}, ["write outage 11.10 s longer"]),
        ({"a": "pass", "rto_ms": 21_300.0}, {"a": "pass"}, ["same"]),
    ],
)
def test_changes_since_an_earlier_suite_are_shown(made, without_pictures, before, after, words):
    was, now = made("was", **before), made("now", **after)
    suite_page.write(suite.load([now]), suite.load([was]), now)
    text = (now / "suite.md").read_text()
    assert [word for word in words if word not in text] == []
    assert ("| same |" in text) == ("same" in words)


def test_single_runs_make_a_suite_too(builder, tmp_path):
    events = builder.power_cut_run()
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    (tmp_path / "verdict.json").write_text(json.dumps(assess(events).verdict.to_json()))
    found = suite.load([tmp_path])
    assert [row.verdict for row in found.rows] == ["pass"]
    assert found.rows[0].seconds == pytest.approx(71, abs=1)
    assert found.began == "2026-11-18T11:06:20Z"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": 2}', '{"format": 1}', '{"format": 1, "rows": [{"verdict": "pass"}]}']
)
def test_what_is_no_suite_is_refused_in_a_line(tmp_path, text):
    (tmp_path / "suite.json").write_text(text)
    with pytest.raises(Problem):
        suite.load([tmp_path])


def test_a_terminal_shows_the_figures_and_nothing_it_would_obey(made):
    rows = suite_page.terminal_rows(suite.load([made("one", leader_power_cut="pass", odd="unknown", left="skipped")]))
    assert all(len(row) == len(suite_page.TERMINAL_COLUMNS) for row in rows)
    assert rows[0][1:7] == ("pass", "21.10 s", "0", "never", rows[0][5], "88 %")
    assert rows[1][-1] == "odd was unknown <because>\\x08"
    assert rows[2][1:7] == ("skipped", "", "", "", "", "")

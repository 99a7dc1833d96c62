"""Many runs on one page, as JUnit XML and as a Chaos Toolkit journal: each says what the verdicts say."""

import json
from xml.etree import ElementTree

import pytest

from firedrill.experiments.judge.verdict import judge
from firedrill.experiments.report import suite
from firedrill.experiments.report.journal import journal
from firedrill.experiments.report.junit import tree_of, write
from firedrill.inventories.errors import Problem

# Of Jenkins' junit-10.xsd: which attributes an element may have, those it must have, and what may be in it.
SCHEMA = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id"},
        {"name", "tests", "failures", "errors"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "testcase": (
        {"name", "time", "classname", "group"},
        {"name"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ({"type", "message"}, set(), set()),
    "error": ({"type", "message"}, set(), set()),
    "skipped": ({"type", "message"}, set(), set()),
    "system-out": (set(), set(), set()),
}
KNOBS = {"pass": {}, "fail": {"lost_probe": (11,)}, "unknown": {"without": ("etcd",)}}


@pytest.fixture
def made(builder, tmp_path):
    """Make a suite's folder: `made("name", leader_power_cut="pass", other="skipped", ...)`."""

    def make(name: str, rto_ms: float | None = None, **verdicts: str):
        folder = tmp_path / name
        folder.mkdir()
        rows = [_row(builder, folder, experiment, verdict, rto_ms) for experiment, verdict in verdicts.items()]
        known = {"format": 1, "began": "2026-11-21T13:00:00+00:00", "ended": None, "inventory": "inventories/lab.py"}
        (folder / "suite.json").write_text(json.dumps(known | {"versions": {"patroni": "4.0.7"}, "rows": rows}))
        return folder

    return make


def _row(builder, folder, experiment, verdict, rto_ms) -> dict:
    row = {"experiment": experiment, "verdict": verdict, "why": [f"{experiment} was {verdict} <because>\x08"]}
    if verdict not in KNOBS:
        return row | {"report": None, "seconds": None, "verdict_file": None}
    found = judge(builder.power_cut_run(run={"experiment": experiment}, **KNOBS[verdict]))
    assert found["verdict"] == verdict
    found |= {} if rto_ms is None else {"rto_ms": rto_ms}
    (folder / experiment).mkdir()
    (folder / experiment / "verdict.json").write_text(json.dumps(found))
    return row | {"report": experiment, "seconds": 61.5, "verdict_file": f"{experiment}/verdict.json"}


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


def test_the_page_has_a_row_an_experiment(made, tmp_path):
    folder = made("one", leader_power_cut="pass", lost_some="fail", odd="unknown", broke="error", left="skipped")
    suite.write(suite.load([folder]), None, folder)
    for name in ("suite.html", "suite.md"):
        text = (folder / name).read_text()
        for word in ("leader_power_cut/report.html", "lost_some was fail", "21.10 s", "20.10 s to 23.40 s", "within"):
            assert word in text, (name, word)
        assert "leader_power_cut was pass" not in text
    page = (folder / "suite.html").read_text()
    assert "<because>" not in page
    assert "<script" not in page
    assert (folder / "suite.png").read_bytes().startswith(b"\x89PNG")


def test_a_cluster_that_was_left_broken_is_told(made):
    folder = made("one", a="pass")
    known = json.loads((folder / "suite.json").read_text()) | {"whole": False, "detail": "db2 is <stopped>"}
    (folder / "suite.json").write_text(json.dumps(known))
    suite.write(suite.load([folder]), None, folder)
    assert "not whole when all was over: db2 is <stopped>" in (folder / "suite.md").read_text()
    assert "not whole when all was over: db2 is &lt;stopped&gt;" in (folder / "suite.html").read_text()


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"a": "pass"}, {"a": "pass"}, ["same"]),
        ({"a": "pass"}, {"a": "fail"}, ["was pass", "lost +1"]),
        ({"a": "pass", "gone": "pass"}, {"a": "pass"}, ["No longer there: gone.", "same"]),
        ({"a": "pass"}, {"a": "pass", "b": "pass"}, ["new", "same"]),
        ({"a": "pass", "rto_ms": 10_000.0}, {"a": "pass"}, ["out 11.10 s longer"]),
        ({"a": "pass", "rto_ms": 21_300.0}, {"a": "pass"}, ["same"]),
    ],
)
def test_changes_since_an_earlier_suite_are_told(made, before, after, words):
    was, now = made("was", **before), made("now", **after)
    suite.write(suite.load([now]), suite.load([was]), now)
    text = (now / "suite.md").read_text()
    assert [word for word in words if word not in text] == []
    assert ("same" in text) == ("same" in words)


def test_single_runs_make_a_suite_too(builder, tmp_path):
    events = builder.power_cut_run()
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    (tmp_path / "verdict.json").write_text(json.dumps(judge(events)))
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


# -- JUnit ---------------------------------------------------------------------------------------------------


def valid(element: ElementTree.Element) -> list[str]:
    """What of an element, and of all in it, the schema does not allow."""
    allowed, needed, inside = SCHEMA[element.tag]
    found = [f"{element.tag}: {name} is not allowed" for name in set(element.attrib) - allowed]
    found += [f"{element.tag}: {name} is missing" for name in needed - set(element.attrib)]
    found += [f"{element.tag}: {child.tag} is not allowed" for child in element if child.tag not in inside]
    return found + [problem for child in element if child.tag in SCHEMA for problem in valid(child)]


def test_junit_counts_unknown_as_an_error(made, tmp_path):
    """Skipped is green in many a CI, and what was not observed must never pass."""
    found = suite.load([made("one", good="pass", bad="fail", odd="unknown", broke="error", left="skipped")])
    write(found, tmp_path / "deep" / "junit.xml")
    root = ElementTree.parse(tmp_path / "deep" / "junit.xml").getroot()
    assert valid(root) == []
    counts = {name: root[0].get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "5", "failures": "1", "errors": "2", "skipped": "1"}
    said = {
        case.get("name"): [child.tag for child in case if child.tag != "system-out"] for case in root.iter("testcase")
    }
    assert said == {"good": [], "bad": ["failure"], "odd": ["error"], "broke": ["error"], "left": ["skipped"]}
    assert root.find(".//failure").get("message") == "bad was fail <because>\ufffd"


def test_the_check_of_the_schema_can_fail(made):
    root = tree_of(suite.load([made("one", good="pass")]))
    root[0].set("colour", "red")
    del root[0].attrib["tests"]
    ElementTree.SubElement(root[0], "failure")
    assert len(valid(root)) == 3


# -- the Chaos Toolkit's journal ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knobs", "status", "deviated"),
    [
        ({}, "completed", False),
        ({"lost_probe": (11,)}, "completed", True),
        ({"without": ("etcd",)}, "failed", False),
        ({"end_ok": False}, "interrupted", False),
    ],
)
def test_a_journal_says_what_became_of_it(builder, knobs, status, deviated):
    events = builder.power_cut_run(**knobs)
    found = journal(events, judge(events))
    assert (found["status"], found["deviated"]) == (status, deviated)
    json.dumps(found)


def test_a_journal_has_the_faults_and_what_was_expected(builder):
    events = builder.power_cut_run(lost_probe=(11,))
    found = journal(events, judge(events))
    (step,), (healed,) = found["run"], found["rollbacks"]
    assert step["activity"]["provider"]["arguments"] == ["inject", "power_cut", "leader"]
    assert "lab cut db1" in step["output"]
    assert (step["status"], healed["status"]) == ("succeeded", "succeeded")
    assert step["activity"] in found["experiment"]["method"]
    after = {probe["activity"]["name"]: probe["tolerance_met"] for probe in found["steady_states"]["after"]["probes"]}
    assert after["the cluster is whole"]
    assert after["Writes come back in time"]
    assert not after["No acknowledged write is lost"]
    assert not found["steady_states"]["after"]["steady_state_met"]


def test_a_fault_without_effect_failed(builder):
    events = builder.power_cut_run(effective=False)
    assert journal(events, judge(events))["run"][0]["status"] == "failed"

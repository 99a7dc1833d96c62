"""A suite as JUnit XML, a run as a Chaos Toolkit journal: each shows what the verdicts contain."""

import json
from xml.etree import ElementTree

import pytest

from firedrill.experiments.judge.verdict import assess
from firedrill.experiments.report import suite
from firedrill.experiments.report.journal import journal
from firedrill.experiments.report.junit import tree_of, write

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


def journal_of(events):
    found = assess(events)
    return journal(found.findings, found.verdict)


@pytest.mark.parametrize(
    ("knobs", "status", "deviated"),
    [
        ({}, "completed", False),
        ({"lost_probe": (11,)}, "completed", True),
        ({"without": ("leadership",)}, "failed", False),
        ({"end_ok": False}, "interrupted", False),
    ],
)
def test_a_journal_says_what_became_of_it(builder, knobs, status, deviated):
    found = journal_of(builder.power_cut_run(**knobs))
    assert (found["status"], found["deviated"]) == (status, deviated)
    json.dumps(found)


def test_a_journal_has_the_faults_and_what_was_expected(builder):
    found = journal_of(builder.power_cut_run(lost_probe=(11,)))
    (step,), (healed,) = found["run"], found["rollbacks"]
    assert step["activity"]["provider"]["arguments"] == ["inject", "power_cut", "leader"]
    assert "lab cut db1" in step["output"]
    assert (step["status"], healed["status"]) == ("succeeded", "succeeded")
    assert step["activity"] in found["experiment"]["method"]
    after = {probe["activity"]["name"]: probe["tolerance_met"] for probe in found["steady_states"]["after"]["probes"]}
    assert after["the cluster is in its steady state"]
    assert after["Writes come back in time"]
    assert not after["No acknowledged write is lost"]
    assert not found["steady_states"]["after"]["steady_state_met"]


def test_a_fault_without_effect_failed(builder):
    assert journal_of(builder.power_cut_run(effective=False))["run"][0]["status"] == "failed"

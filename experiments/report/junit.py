"""Export a suite as JUnit XML for continuous integration: one test case per experiment.

*fail* is a failure. *unknown* is an error, not a skipped test: many CI systems show skipped tests as green, and what
was not observed must never pass. *error* (the run itself broke) is an error as well; *skipped* is skipped.
"""

import re
from pathlib import Path
from xml.etree import ElementTree

from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.judge.units import text_of
from firedrill.experiments.report.suite import Row, Suite

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
FIGURES = ("rto_ms", "lost", "dual_primary_ms", "user_errors")
TAGS = {"fail": "failure", "unknown": "error", "error": "error", "skipped": "skipped"}


def write(suite: Suite, file: Path) -> None:
    """Write the suite to `file`."""
    tree = ElementTree.ElementTree(tree_of(suite))
    ElementTree.indent(tree)
    file.parent.mkdir(parents=True, exist_ok=True)
    tree.write(file, encoding="utf-8", xml_declaration=True)


def tree_of(suite: Suite) -> ElementTree.Element:
    """The element `testsuites`, as the reporters of Jenkins, GitLab and GitHub read it."""
    tags = [TAGS.get(row.verdict) for row in suite.rows]
    seconds = f"{sum(row.seconds or 0 for row in suite.rows):.3f}"
    counts = {"tests": str(len(tags)), "failures": str(tags.count("failure")), "errors": str(tags.count("error"))}
    root = ElementTree.Element("testsuites", {"name": "firedrill", "time": seconds, **counts})
    one = {"name": suite.inventory or "firedrill", "time": seconds, "skipped": str(tags.count("skipped")), **counts}
    if suite.began:
        one["timestamp"] = suite.began.removesuffix("Z")
    inner = ElementTree.SubElement(root, "testsuite", one)
    if suite.versions:
        properties = ElementTree.SubElement(inner, "properties")
        for name, value in sorted(suite.versions.items()):
            ElementTree.SubElement(properties, "property", {"name": name, "value": _text(value)})
    for row in suite.rows:
        _case(inner, row)
    return root


def _case(inner: ElementTree.Element, row: Row) -> None:
    words = {"name": row.experiment, "classname": "firedrill", "time": f"{row.seconds or 0:.3f}"}
    case = ElementTree.SubElement(inner, "testcase", words)
    if tag := TAGS.get(row.verdict):
        why = [_text(sentence) for sentence in row.why] or [row.verdict]
        if tag == "skipped":
            ElementTree.SubElement(case, tag, {"message": why[0]})
        else:
            ElementTree.SubElement(case, tag, {"message": why[0], "type": row.verdict}).text = "\n".join(why)
    if row.figures:
        ElementTree.SubElement(case, "system-out").text = _text("\n".join(_lines(row, row.figures)))


def _lines(row: Row, known: Verdict) -> list[str]:
    shown = [f"{key}: {text_of(key, getattr(known, key))}" for key in FIGURES]
    judged = [f"{item.verdict}: {item.name} (found {text_of(item.metric, item.found)})" for item in known.expectations]
    return [
        known.title or row.experiment,
        *shown,
        *judged,
        *([f"report: {row.folder}"] if row.folder else []),
    ]


def _text(value: object) -> str:
    """The text without the characters that XML cannot hold."""
    return NOT_XML.sub("\ufffd", str(value))

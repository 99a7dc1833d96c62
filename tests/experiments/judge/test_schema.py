"""verdict.json has a schema, which is shipped; a verdict is read back as it was written, and nothing else is."""

import json

import jsonschema
import pytest

from firedrill.experiments.judge import schema, tables
from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.judge.verdict import crashed, judge_events


@pytest.fixture(scope="module")
def content(builder):
    return json.loads(json.dumps(judge_events(builder.power_cut_run()).to_json()))


def test_the_shipped_schema_is_the_generated_one():
    assert schema.shipped() == tables.schema_text(), "run python -m firedrill.experiments.judge.tables"


@pytest.mark.parametrize("path", tables.DOCS, ids=lambda path: path.name)
def test_the_tables_of_the_docs_are_those_of_the_code(path):
    text = path.read_text(encoding="utf-8")
    assert text == tables.filled(text), "run python -m firedrill.experiments.judge.tables"


def test_every_source_of_events_has_a_table():
    text = (tables.ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    assert all(f"<!-- table: {source} -->" in text for source, _ in tables.EVENTS)


def test_a_verdict_keeps_to_the_schema(content):
    jsonschema.validate(content, json.loads(schema.shipped()))
    wrong = content | {"rto_ms": "long"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json.loads(schema.shipped()))


def test_a_verdict_is_read_back_as_it_was_written(content):
    assert Verdict.from_json(content).to_json() == content


def test_a_verdict_of_before_there_were_notes_is_read(content):
    old = {name: value for name, value in content.items() if name != "notes"}
    assert Verdict.from_json(old).notes == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "wanted a verdict of format 1, found 2"),
        ({"format": None}, "wanted a verdict of format 1, found None"),
        ({"format": True}, "wanted a verdict of format 1, found True"),
        ({"verdict": "maybe"}, "verdict: wanted 'pass' or 'fail' or 'unknown', found 'maybe'"),
        ({"rto_ms": "long"}, "rto_ms: wanted number or null, found 'long'"),
        ({"acked": True}, "acked: wanted integer or null, found True"),
        ({"phases": {"detect_ms": []}}, r"phases.detect_ms: wanted number or null, found \[\]"),
        ({"levels": [{"name": "one"}]}, r"levels\[0\].from is missing"),
        ({"why": "text"}, "why: wanted a list, found 'text'"),
        ({"tcp": 5}, "tcp: wanted an object or null, found 5"),
    ],
)
def test_what_is_no_verdict_is_refused(content, change, words):
    with pytest.raises(ValueError, match=words):
        Verdict.from_json(content | change)


@pytest.mark.parametrize("content", [None, [], "text", {}])
def test_what_is_no_object_of_a_verdict_is_refused(content):
    with pytest.raises(ValueError, match="wanted a verdict of format 1, found None"):
        Verdict.from_json(content)


def test_the_verdict_on_a_run_that_could_not_be_judged_can_be_read_again():
    found = crashed({"versions": {"patroni": "4.0", "haproxy": None}}, "The judge", RuntimeError("x"))
    assert found.versions == {"patroni": "4.0"}
    assert Verdict.from_json(json.loads(json.dumps(found.to_json()))) == found

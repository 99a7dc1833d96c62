"""Escaping: what a host or a file wrote stays text in HTML, in Markdown and on a terminal."""

import pytest

from firedrill.experiments.judge.schema import Expectation, Verdict
from firedrill.experiments.judge.verdict import assess
from firedrill.experiments.report.headline import closest, expectation, used
from firedrill.experiments.report.page import write_report
from firedrill.experiments.report.render import cell, code, markdown
from firedrill.inventories.printable import printable

EVIL = "\x1b[2J<img src=x onerror=alert(1)>`|[a](http://b)\u202e"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\x1b[31mb", "a\\x1b[31mb"), ("a\u202eb", "a\\u202eb"), ("two\nlines\tand – é", "two\nlines\tand – é")],
)
def test_control_characters_are_shown_and_never_sent(text, shown):
    assert printable(text) == shown


def test_markdown_has_neither_html_nor_links_of_others():
    assert markdown("<b>[x](y) *z*") == "&lt;b&gt;\\[x\\](y) \\*z\\*"
    assert code("a`b\x07") == "a'b\\x07"
    assert cell("a|b\nc") == "a\\|b c"


def test_a_hostile_host_stays_text_everywhere(builder, tmp_path):
    near = {"turn": EVIL, "turn_t": builder.at(1), "times": 1}
    events = builder.power_cut_run(run={"title": EVIL})
    events += [builder.event(1, "logs", "line", "db1", unit=EVIL, text=EVIL, **near)]
    events += [builder.event(1.5, "runner", "note", text=EVIL)]
    found = assess(events)
    write_report(found.findings, found.verdict, tmp_path)
    for name in ("report.html", "report.md"):
        text = (tmp_path / name).read_text()
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "<img" not in (tmp_path / "report.html").read_text()
    outside = "".join((tmp_path / "report.md").read_text().split("```")[::2])
    assert "<img" not in outside
    assert "[a](http" not in outside


# -- margins ---------------------------------------------------------------------------------------------


def expect(metric, op, wanted, found, verdict="pass"):
    return Expectation(name=metric, metric=metric, op=op, verdict=verdict, wanted=wanted, found=found)


@pytest.mark.parametrize(
    ("op", "wanted", "found", "share"),
    [
        ("<=", 24_000, 23_350, 0.973),
        ("<=", 24_000, 300, 0.0125),
        (">=", 0.9, 1.0, 0.9),
        ("==", 0, 0, None),
        ("is", True, True, None),
        ("<=", 24_000, None, None),
        ("<=", 0, 0, None),
    ],
)
def test_the_share_of_a_limit_that_was_used(op, wanted, found, share):
    assert used(expect("rto_ms", op, wanted, found)) == (share if share is None else pytest.approx(share, rel=1e-3))


def test_the_closest_expectation_is_the_margin():
    near, far = expect("rto_ms", "<=", 24_000, 23_350), expect("read_outage_ms", "<=", 2_000, 300)
    verdict = Verdict(experiment="e", title="t", verdict="pass", why=(), expectations=(far, near))
    share, found = closest(verdict)
    assert (round(share, 2), found.metric) == (0.97, "rto_ms")
    row = expectation(found, verdict)
    assert (row["used"], row["near"]) == ("97 %", True)
    assert expectation(far, verdict)["near"] is False

"""The pages of a run and of repeated runs: self-contained, escaped, and written for every run, however broken."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from firedrill.experiments.judge.schema import Level
from firedrill.experiments.judge.summary import summarise
from firedrill.experiments.judge.verdict import assess
from firedrill.experiments.report import pictures
from firedrill.experiments.report.headline import tiles
from firedrill.experiments.report.page import write_report
from firedrill.experiments.report.palette import DARK, LIGHT, THEMED, css
from firedrill.experiments.report.summary import write_summary

EVERYONE = ("write_probe", "node_probe", "leadership", "members", "proxy", "users")


@pytest.fixture(scope="module")
def run(builder):
    return builder.power_cut_run


@pytest.fixture(scope="module")
def good(run, tmp_path_factory):
    """The folder of a passed run's report."""
    folder = tmp_path_factory.mktemp("reports") / "good"
    report(run(), folder)
    return folder


def report(events, folder):
    found = assess(events)
    write_report(found.findings, found.verdict, folder)


class Page(HTMLParser):
    """Collects the tags that are open, every address the page points to, and all ids."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.ids = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br", "link", "img"):
            self.open.append(tag)
        self._look(attributes)

    def handle_startendtag(self, tag, attributes):
        self._look(attributes)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def _look(self, attributes):
        found = dict(attributes)
        self.addresses += [found[a] for a in ("src", "href", "xlink:href") if a in found]
        self.ids += [found["id"]] if "id" in found else []


# -- what is written -------------------------------------------------------------------------------------


def test_writes_three_files(good):
    assert sorted(path.name for path in good.iterdir()) == ["report.html", "report.md", "report.png"]
    assert (good / "report.png").read_bytes().startswith(b"\x89PNG")
    assert "![The run over time](report.png)" in (good / "report.md").read_text()


def test_the_page_is_self_contained(good):
    text = (good / "report.html").read_text()
    page = Page(text)
    assert page.open == []
    assert all(address.startswith("#") for address in page.addresses)
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"<script|@import|url\((?!#)", text)
    assert len(text) < 1_000_000


def test_the_plots_follow_the_theme(good):
    text = (good / "report.html").read_text()
    assert css(LIGHT) in text
    assert css(DARK) in text
    plots = text[text.index("<figure>") : text.index("</figure>")]
    assert "var(--primary)" in plots
    assert not re.search(r"#[0-9a-fA-F]{6}\b", plots)


def test_every_colour_can_be_told_from_the_others():
    for palette in (LIGHT, DARK, THEMED):
        hues = [c for name, c in vars(palette).items() if name not in ("on_dark", "on_bright")]
        assert len(hues) == len(set(hues))


def test_both_reports_say_what_was_found(good):
    for name in ("report.html", "report.md"):
        text = (good / name).read_text()
        for words in ("21.10 s", "≤ 24.00 s", "88 %", "lab cut db1", "eadership moved to db2", "--seed 7", "4.0.7"):
            assert words in text, (name, words)


def test_both_reports_name_the_backend_and_repeat_the_run_by_it(run, tmp_path):
    report(run(run={"backend": "chaosblade"}), tmp_path)
    for name in ("report.html", "report.md"):
        text = (tmp_path / name).read_text()
        assert "aults by chaosblade" in text
        assert "--seed 7 --backend chaosblade" in text


def test_the_same_run_gives_the_same_page(run, good, tmp_path):
    report(run(), tmp_path)
    for name in ("report.html", "report.md"):
        again = (tmp_path / name).read_text().replace(str(tmp_path), str(good))
        assert again == (good / name).read_text()


def test_text_from_the_run_is_escaped(run, builder, tmp_path, without_pictures):
    events = run(run={"title": "<b>R&D | Co</b>", "question": "<script>alert(1)</script>"}, without=EVERYONE)
    events += [{"t": builder.at(-1), "source": "runner", "kind": "note", "host": None, "text": "a <i>note</i>"}]
    report(events, tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert not any(tag in text for tag in ("<script>", "<b>", "<i>"))
    assert "&lt;b&gt;R&amp;D | Co&lt;/b&gt;" in text


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"back": False}, ["no end", "Writes never recovered", "Steady state not reached", "did not hold"]),
        ({"without": EVERYONE, "expectations": ()}, ["not observed", "inconclusive", "states no expectations"]),
        ({"second_primary": (44.0, 46.0), "lost_probe": (11,)}, ["db1 and db2 both accepted writes", "missing from"]),
        ({"run": {"topology": [], "profile": {}, "versions": None, "load": None, "steps": None}}, ["21.10 s"]),
    ],
)
def test_a_broken_run_has_a_report_too(run, tmp_path, monkeypatch, knobs, words):
    monkeypatch.setattr(pictures, "png", lambda *_: None)  # the page's own pictures are enough
    events = run(**knobs)
    report(events, tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert [word for word in words if word not in text] == []


def test_a_run_without_a_fault_has_a_report_too(run, tmp_path):
    events = [e for e in run() if e["kind"] != "fault"]
    report(events, tmp_path)
    assert "No fault was injected" in (tmp_path / "report.html").read_text()


def test_tiles_carry_the_verdict_of_their_figure(run):
    found = {tile.label: tile for tile in tiles(assess(run(lost_probe=(11,))).verdict, {})}
    assert (found["Lost acknowledged writes (RPO)"].value, found["Lost acknowledged writes (RPO)"].verdict) == (
        "1",
        "fail",
    )
    assert (found["Two primaries"].value, found["Two primaries"].verdict) == ("never", "pass")
    assert found["User errors"].verdict == ""


def test_both_reports_say_what_a_figure_is_and_what_it_was_measured_on(run, tmp_path):
    fields = {"machine": {"cores": 2, "load_1m": 3.5}, "providers": {"db1": "nspawn"}}
    report(run(run=fields), tmp_path)
    for name in ("report.html", "report.md"):
        text = (tmp_path / name).read_text()
        for wanted in ("a retry counts as one more", "from one acknowledged write to the next", "Controller and hosts"):
            assert wanted in text, (name, wanted)
        assert "load_1m" in text and "9 existing machine, 1 nspawn" in text


def level(name, **figures):
    return Level(name=name, from_=0, to=1, **figures)


def test_levels_are_a_curve_and_a_table(run, tmp_path):
    levels = (level("1 % loss", write_rate=9.8, write_p50_ms=12.5, write_errors=3), level("30 % loss", write_rate=0.0))
    found = assess(run())
    write_report(found.findings, replace(found.verdict, levels=levels), tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| 1 % loss | not observed | not observed | not observed | not observed | 9.8/s | 12.5 ms |" in text
    assert "![Rates and latencies by level](levels.png)" in text
    assert (tmp_path / "levels.png").read_bytes().startswith(b"\x89PNG")
    page = Page((tmp_path / "report.html").read_text())
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_the_coordinator_leader_and_the_address_holder_are_among_the_hosts(run, builder, tmp_path, without_pictures):
    parts = [
        builder.event(seconds, "runner", "roles", phase=phase, coordinator_leader=leader, address_holder=holder)
        for seconds, phase, leader, holder in ((-16, "before", "etcd2", "lb1"), (47.1, "after", "etcd3", "lb2"))
    ]
    events = sorted(run() + parts, key=lambda e: e["t"])
    report(events, tmp_path)
    text = (tmp_path / "report.md").read_text()
    for row in (
        "| etcd2 (etcd) | 10.77.0.12 | coordinator leader |  |",
        "| lb2 (HAProxy) | 10.77.0.32 |  | holds the address |",
    ):
        assert row in text


# -- repeated runs ---------------------------------------------------------------------------------------


def test_writes_a_summary(run, tmp_path):
    verdicts = [assess(run(seed=seed)).verdict for seed in (1, 2)] + [assess(run(without=EVERYONE)).verdict]
    write_summary(verdicts, summarise(verdicts), tmp_path)
    text = (tmp_path / "summary.md").read_text()
    assert "3 runs, unknown" in text
    assert "2 of 3" in text
    page = (tmp_path / "summary.html").read_text()
    assert Page(page).open == []
    assert "2 of 3" in page
    assert "21.10 s · 21.10 s · 21.10 s" in page
    assert (tmp_path / "summary.png").read_bytes().startswith(b"\x89PNG")

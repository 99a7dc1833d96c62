"""The report: it says what the verdict says, stands by itself, and can be made of every run, however broken."""

import re
from html.parser import HTMLParser

import pytest

from firedrill.experiments.judge.recording import record
from firedrill.experiments.judge.verdict import judge, summarise
from firedrill.experiments.report.page import tiles, turns, write_report
from firedrill.experiments.report.sentences import Clock, analysis
from firedrill.experiments.report.summary import write_summary
from firedrill.experiments.report.timeline_plot import (
    DARK,
    LIGHT,
    THEMED,
    View,
    counted,
    css,
    latencies,
    node_bands,
    proxy_bands,
    rates,
)

EVERYONE = ("write_probe", "node_probe", "etcd", "patroni", "haproxy", "locust")


@pytest.fixture(scope="module")
def run(builder):
    return builder.power_cut_run


@pytest.fixture(scope="module")
def good(run, tmp_path_factory):
    """The folder of a passed run's report."""
    folder = tmp_path_factory.mktemp("reports") / "good"
    write_report(run(), judge(run()), folder)
    return folder


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


def test_the_page_stands_by_itself(good):
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
        for words in ("21.10 s", "≤ 24.00 s", "lab cut db1", "leader key goes to db2", "--seed 7", "4.0.7"):
            assert words in text, (name, words)


def test_the_same_run_gives_the_same_page(run, good, tmp_path):
    write_report(run(), judge(run()), tmp_path)
    for name in ("report.html", "report.md"):
        again = (tmp_path / name).read_text().replace(str(tmp_path), str(good))
        assert again == (good / name).read_text()


def test_what_a_run_says_is_escaped(run, tmp_path):
    events = run(run={"title": "<b>R&D | Co</b>", "question": "<script>alert(1)</script>"}, without=EVERYONE)
    events += [{"t": 5, "source": "runner", "kind": "note", "host": None, "text": "a <i>note</i>"}]
    write_report(events, judge(events), tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert not any(tag in text for tag in ("<script>", "<b>", "<i>"))
    assert "&lt;b&gt;R&amp;D | Co&lt;/b&gt;" in text


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"back": False}, ["no end", "Writes never came back", "The cluster is not steady", "fell short"]),
        ({"without": EVERYONE, "expectations": ()}, ["not observed", "proves nothing", "states none"]),
        ({"second_primary": (44.0, 46.0), "lost_probe": (11,)}, ["db1 and db2 both took writes", "missing from"]),
        ({"run": {"topology": [], "profile": {}, "versions": None, "load": None, "steps": None}}, ["21.10 s"]),
    ],
)
def test_a_broken_run_has_a_report_too(run, tmp_path, knobs, words):
    events = run(**knobs)
    write_report(events, judge(events), tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert [word for word in words if word not in text] == []


def test_a_run_without_a_fault_has_a_report_too(run, tmp_path):
    events = [e for e in run() if e["kind"] != "fault"]
    write_report(events, judge(events), tmp_path)
    assert "No fault was injected" in (tmp_path / "report.html").read_text()


# -- what is said ----------------------------------------------------------------------------------------


def said(events):
    verdict = judge(events)
    return " ".join(analysis(record(events), verdict, Clock(verdict["fault_at"])))


def test_the_analysis_is_made_from_the_figures(run):
    text = said(run())
    for words in (
        "Writes were out for 21.10 s: the last one was acknowledged at +0.00 s, the next one at +21.10 s.",
        "noticing that the leader was gone took 18.62 s (88 %)",
        "The timing model (ttl 20 s, loop_wait 2 s) predicts 20.10 s to 23.40 s; 21.10 s is within that.",
        "none is missing from the tables",
        "At no time did two nodes take writes.",
        "did not succeed; the longest wait was 5.00 s for a POST",
        "led by db2",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"lost_probe": (11, 12)}, "2 are missing from the tables: probe 11, probe 12."),
        ({"lost_probe": tuple(range(1, 15))}, "probe 10 and 4 more."),
        ({"second_primary": (44.0, 46.0)}, "db1 and db2 both took writes, from +44.00 s; two primaries lasted 2.00 s"),
        ({"back": False}, "Writes never came back: the last one was acknowledged at +0.00 s"),
        ({"without": ("write_probe",)}, "How long writes were out was not observed."),
        ({"without": ("node_probe",)}, "Whether two nodes took writes at once was not observed in full."),
        ({"key_gone": 5.0, "new_key": 7.0, "promoted": 7.2, "routed": 7.3}, " s less."),
        ({"without": ("locust",)}, "not observed in full"),
    ],
)
def test_the_analysis_says_what_went_wrong(run, knobs, words):
    assert words in said(run(**knobs))


def test_a_fault_without_a_failover_is_told_as_such(run):
    events = [e for e in run() if not (e["source"] == "etcd" and e["kind"] == "key" and e["action"] != "snapshot")]
    assert "The leader key stayed with db1: no failover took place." in said(events)


def test_tiles_carry_the_verdict_of_their_figure(run):
    found = {tile.label: tile for tile in tiles(judge(run(lost_probe=(11,))))}
    assert (found["Lost writes"].value, found["Lost writes"].verdict) == ("1", "fail")
    assert (found["Two primaries"].value, found["Two primaries"].verdict) == ("never", "pass")
    assert found["Users’ errors"].verdict == ""


def test_turning_points_are_in_order(run):
    events = run()
    found = [turn.text for turn in turns(record(events), judge(events)) if turn.main]
    assert found == [
        "power cut of db1 is injected",
        "the leader key is gone",
        "the leader key goes to db2",
        "db2 takes its first write",
        "writes are acknowledged again",
        "users are back at 95 % of their rate",
        "power cut of db1: the host is clean again",
        "the cluster is steady again",
    ]


# -- what is drawn ---------------------------------------------------------------------------------------


def test_bands_follow_patroni(run):
    found = node_bands(View(record(run()), LIGHT, False))
    assert [band.state for band in found["db1"]] == ["primary", "unreachable", "starting", "replica"]
    assert [band.state for band in found["db2"]] == ["replica", "primary"]
    assert found["db2"][1].begin == pytest.approx(20.96)


def test_a_state_that_nobody_repeats_is_not_drawn_on(run):
    found = node_bands(View(record(run(silent=(("patroni", "db3", 0.0, 20.0),))), LIGHT, False))
    first, second = found["db3"]
    assert first.end < 6
    assert second.begin >= 20


def test_bands_follow_the_proxies(run):
    found = proxy_bands(View(record(run()), LIGHT, False))
    assert [band.state for band in found["lb2"]] == ["db1", "none", "db2"]


def test_the_rates_add_up_to_the_requests(run):
    events = run()
    view = View(record(events), LIGHT, False)
    edges, counts = rates(view)
    inside = [e for e in events if e.get("method") and edges[0] <= view.at(e["t"]) < edges[-1] + 1]
    assert sum(map(sum, counts.values())) == pytest.approx(len(inside))
    assert sum(counts["error"]) > 100


# -- what is no failover -----------------------------------------------------------------------------------


def level(name, **figures):
    row = {f"{kind}_{key}": None for kind in ("read", "write") for key in ("rate", "p50_ms", "p95_ms", "errors")}
    return {"name": name, "from": 0, "to": 1} | row | figures


def test_levels_are_a_curve_and_a_table(run, tmp_path):
    levels = [level("1 % loss", write_rate=9.8, write_p50_ms=12.5, write_errors=3), level("30 % loss", write_rate=0.0)]
    write_report(run(), judge(run()) | {"levels": levels}, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "| 1 % loss | not observed | not observed | not observed | not observed | 9.8/s | 12.5 ms |" in text
    assert "![Rates and latencies by level](levels.png)" in text
    assert (tmp_path / "levels.png").read_bytes().startswith(b"\x89PNG")
    page = Page((tmp_path / "report.html").read_text())
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_without_users_the_probe_is_shown(run, builder, tmp_path):
    events = run(without=("locust",), run={"load": {"users": 0}})
    write_report(events, judge(events), tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "The probe’s writes a second" in page
    _, counts = rates(View(record(events), LIGHT, False))
    assert sum(counts["POST"]) > 1000
    assert sum(counts["error"]) > 100


def test_a_request_counts_from_when_it_was_due(run):
    events = [e | {"due": e["start"] - 3_000_000_000} if e.get("method") else e for e in run()]
    view = View(record(events), LIGHT, False)
    _, took = latencies(view, view.rec.of("locust", "request"), 0.5)
    assert min(took) > 3000


def test_segments_sent_again_are_told_by_host(run, builder, tmp_path):
    def counters(seconds, host, number):
        more = {"start": builder.at(seconds - 1), "reachable": True, "retransmits": number, "checksum_errors": 0}
        return builder.event(seconds, "tcp", "counters", host, **more)

    told = [counters(2.0, "db2", 42), counters(3.0, "db2", 7), counters(2.0, "db1", 0)]
    events = sorted(run() + told, key=lambda e: e["t"])
    assert counted(View(record(events), LIGHT, False), "retransmits") == {"db2": ([1.5, 2.5], [42.0, 7.0])}
    write_report(events, judge(events), tmp_path)
    assert "TCP segments a second" in (tmp_path / "report.html").read_text()


def test_who_leads_etcd_and_holds_the_address_is_in_the_picture(run, builder, tmp_path):
    parts = [
        builder.event(seconds, "runner", "parts", phase=phase, etcd_leader=leader, address_holder=holder)
        for seconds, phase, leader, holder in ((-16, "before", "etcd2", "lb1"), (47.1, "after", "etcd3", "lb2"))
    ]
    events = sorted(run() + parts, key=lambda e: e["t"])
    write_report(events, judge(events), tmp_path)
    text = (tmp_path / "report.md").read_text()
    for row in (
        "| etcd2 (etcd) | 10.77.0.12 | leads etcd |  |",
        "| lb2 (HAProxy) | 10.77.0.32 |  | holds the address |",
    ):
        assert row in text


# -- a run repeated --------------------------------------------------------------------------------------


def test_writes_a_summary(run, tmp_path):
    verdicts = [judge(run(seed=seed)) for seed in (1, 2)] + [judge(run(without=EVERYONE))]
    write_summary(verdicts, summarise(verdicts), tmp_path)
    text = (tmp_path / "summary.md").read_text()
    assert "3 runs, unknown" in text
    assert "2 of 3" in text
    page = (tmp_path / "summary.html").read_text()
    assert Page(page).open == []
    assert "2 of 3" in page
    assert "21.10 s · 21.10 s · 21.10 s" in page
    assert (tmp_path / "summary.png").read_bytes().startswith(b"\x89PNG")

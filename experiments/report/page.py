"""Write what a run measured for people: report.md with its picture, and report.html, which is one file by itself.

The promise: every sentence is made from the events and the verdict, nothing is judged here, and what was not
observed is called that. Times are told from the first fault's injection, and in UTC.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from firedrill.experiments.judge.figures import moments, write_outage
from firedrill.experiments.judge.recording import Recording, leader_history, record
from firedrill.experiments.judge.verdict import text_of
from firedrill.experiments.report import other_plots, timeline_plot
from firedrill.experiments.report.sentences import Clock, analysis, capital, shares

OPS = {"<=": "≤ ", ">=": "≥ ", "!=": "not ", "==": "", "is": ""}
WORDS = {"pass": "Pass", "fail": "Fail", "unknown": "Unknown"}
SAYINGS = {
    "pass": "All that was expected held.",
    "fail": "The cluster fell short.",
    "unknown": "This run proves nothing either way.",
}
TIERS = (
    ("proxy", "HAProxy"),
    ("postgres", "PostgreSQL"),
    ("etcd", "etcd"),
    ("app", "Application"),
    ("monitor", "Monitor"),
)
MOST_TURNS = 60
STAMP = re.compile(r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,]?\d*( UTC| GMT| ?[+-]\d\d:?\d\d)? ?")


@dataclass(frozen=True)
class Tile:
    """A headline figure; `verdict` is the worst of the expectations about it, or empty."""

    label: str
    value: str
    verdict: str


@dataclass(frozen=True)
class Box:
    """A host in the picture of the cluster, with what it was and whether the fault hit it."""

    name: str
    address: str
    role: str
    hit: str


@dataclass(frozen=True)
class Turn:
    """A turning point: when (ns), what, who saw it, and whether it is one of the failover's own."""

    t: int
    text: str
    source: str
    main: bool = False


def write_report(events: list[dict], verdict: dict[str, Any], folder: Path) -> None:
    """Write report.md, report.png and report.html for a judged run into an existing or new folder."""
    rec = record(events)
    folder.mkdir(parents=True, exist_ok=True)
    page = content(rec, verdict) | {"commands": commands(rec.run, folder)}
    timeline_plot.png(timeline_plot.figure(rec), folder / "report.png")
    pictures = {name: picture(rec, name, verdict["title"]) for name in ("wide", "narrow")}
    palettes = {"light": timeline_plot.css(timeline_plot.LIGHT), "dark": timeline_plot.css(timeline_plot.DARK)}
    levels = verdict.get("levels") or []
    if levels:
        timeline_plot.png(other_plots.levels_plot(levels), folder / "levels.png")
    for name in ("wide", "narrow"):
        pictures[f"levels_{name}"] = curve(levels, name) if levels else Markup("")
    (folder / "report.md").write_text(render("report.md.j2", page), encoding="utf-8")
    (folder / "report.html").write_text(render("report.html.j2", page | pictures | palettes), encoding="utf-8")


def picture(rec: Recording, name: str, title: str) -> Markup:
    """The plot for the page, in the page's colours; `wide` or `narrow`."""
    drawn = timeline_plot.figure(rec, timeline_plot.THEMED, narrow=name == "narrow")
    return Markup(timeline_plot.svg(drawn, f"plot-{name}", str(Markup.escape(f"{title}: the run over time"))))


def curve(levels: Sequence[dict], name: str) -> Markup:
    """The curve over levels for the page."""
    drawn = other_plots.levels_plot(levels, timeline_plot.THEMED, narrow=name == "narrow")
    text = timeline_plot.svg(drawn, f"levels-{name}", "Rates and latencies by level")
    return Markup(text.replace('class="levels-', 'class="plot-'))


def render(template: str, page: Mapping[str, Any]) -> str:
    """Fill a template of this folder; HTML is escaped, in Markdown the table's own signs."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["cell"] = lambda text: " ".join(str(text).replace("|", "\\|").split())
    return env.get_template(template).render(page)


def content(rec: Recording, verdict: dict[str, Any]) -> dict[str, Any]:
    """Everything the templates show."""
    clock = Clock(rec.fault_at or rec.events[0]["t"])
    run = rec.run
    return {
        "verdict": verdict,
        "word": WORDS[verdict["verdict"]],
        "saying": SAYINGS[verdict["verdict"]],
        "tiles": tiles(verdict),
        "question": run.get("question"),
        "hypothesis": run.get("hypothesis"),
        "when": clock.day(run["t"]),
        "stages": [("Before", stage(rec, "before")), ("After", stage(rec, "after"))],
        "actions": actions(rec, clock),
        "steps": run.get("steps") or [],
        "expectations": [expectation(entry, verdict) for entry in verdict["expectations"]],
        "levels": [level(entry) for entry in verdict.get("levels") or []],
        "excerpts": excerpts(rec, clock),
        "clocks": clocks(rec),
        "turns": told(turns(rec, verdict), clock, names(rec)),
        "shares": shares(verdict),
        "analysis": analysis(rec, verdict, clock),
        "notes": [e["text"] for e in rec.of("runner", "note")],
        "tables": [("Versions", table(run.get("versions"))), ("Profile", table(run.get("profile")))],
        "seed": verdict.get("seed"),
        "inventory": run.get("inventory"),
        "load": load(run.get("load") or {}),
    }


def load(known: Mapping[str, Any]) -> str:
    """The load in words."""
    return known.get("text") or ", ".join(f"{key} {value}" for key, value in known.items()) or "none"


def commands(run: Mapping[str, Any], folder: Path) -> list[str]:
    """What to type, at the root of the repository, to run it again, and to judge these very events again."""
    inventory, seed = run.get("inventory") or "", run.get("seed")
    where = f"-i {inventory if '/' in inventory else f'inventories/{inventory}'} " if inventory else ""
    chance = f" --seed {seed}" if seed is not None else ""
    return [f"experiments {where}run {run['experiment']}{chance}", f"experiments judge {folder / 'events.jsonl'}"]


# -- headline and expectations ---------------------------------------------------------------------------


def tiles(verdict: dict[str, Any]) -> list[Tile]:
    """The figures for people in a hurry."""
    shown = [
        ("Writes out", "rto_ms"),
        ("Lost writes", "lost"),
        ("Two primaries", "dual_primary_ms"),
        ("Reads out", "read_outage_ms"),
        ("Users’ errors", "user_errors"),
    ]
    return [Tile(label, headline(verdict, key), worst(verdict, key)) for label, key in shown]


def headline(verdict: dict[str, Any], metric: str) -> str:
    """A headline figure: its value, `never` for no two primaries, `no end` for an outage that did not end."""
    value = verdict[metric]
    if metric == "dual_primary_ms" and value == 0:
        return "never"
    if value is None and worst(verdict, metric) == "fail":
        return "no end"
    if metric == "user_errors" and value is not None and verdict["user_requests"]:
        return f"{value:,} ({100 * value / verdict['user_requests']:.1f} %)"
    return text_of(metric, value)


def worst(verdict: dict[str, Any], metric: str) -> str:
    """The worst verdict of the expectations about a figure; empty where none is."""
    found = [e["verdict"] for e in verdict["expectations"] if e["metric"] == metric]
    return next((v for v in ("fail", "unknown", "pass") if v in found), "")


def expectation(entry: dict[str, Any], verdict: dict[str, Any]) -> dict[str, str]:
    """One row of the table: name, wanted, found, verdict."""
    metric, wanted = str(entry["metric"]), entry["wanted"]
    if isinstance(wanted, str) and wanted in verdict:
        wanted = verdict[wanted]
    never = entry["found"] is None and entry["verdict"] == "fail"
    return {
        "name": str(entry["name"]),
        "metric": metric,
        "wanted": OPS.get(str(entry["op"]), f"{entry['op']} ") + text_of(metric, wanted),
        "found": "no end" if never else text_of(metric, entry["found"]),
        "verdict": entry["verdict"],
    }


def level(entry: dict[str, Any]) -> dict[str, str]:
    """One level as a row: rate, median, 95th percentile and errors of reads and of writes."""
    row = {"name": str(entry["name"])}
    for kind in ("read", "write"):
        rate = entry.get(f"{kind}_rate")
        row[f"{kind}_rate"] = "not observed" if rate is None else f"{rate:.1f}/s"
        for key in ("p50_ms", "p95_ms", "errors"):
            row[f"{kind}_{key}"] = text_of(f"{kind}_{key}", entry.get(f"{kind}_{key}"))
    return row


# -- the hosts' own logs ---------------------------------------------------------------------------------


def excerpts(rec: Recording, clock: Clock) -> list[dict[str, Any]]:
    """What the hosts' logs said, by turning point: [{"turn", "since", "lines": [...], "left": lines left out}]."""
    turns: dict[int, dict[str, Any]] = {}
    for event in rec.of("logs", "line"):
        turn = turns.setdefault(event["turn_t"], {"turn": capital(event["turn"], names(rec)), "lines": [], "left": 0})
        turn["since"] = clock.since(event["turn_t"])
        row = {"since": clock.since(event["t"]), "utc": clock.utc(event["t"]), "host": event["host"]}
        times = f" (× {event['times']})" if event.get("times", 1) > 1 else ""
        turn["lines"].append(row | {"unit": service(event["unit"]), "text": bare(event["text"]) + times})
    for event in rec.of("logs", "left_out"):
        near = min(turns, key=lambda t: abs(t - event["t"]), default=None)
        if near is not None:
            turns[near]["left"] += event["lines"]
    return [turns[t] for t in sorted(turns)]


def names(rec: Recording) -> set[str]:
    """The hosts' names."""
    return {host["name"] for host in rec.run["topology"]}


def service(unit: str) -> str:
    """A unit's name; of a log file the name before any date."""
    return re.sub(r"([-_.]\d.*|\.log)$", "", unit.rsplit("/", 1)[-1])


def bare(text: str) -> str:
    """A line as people read it: without the time that its program wrote before it, a JSON object in words."""
    try:
        known = json.loads(text) if text.startswith("{") else None
    except ValueError:  # it was cut
        known = None
    if not isinstance(known, dict) or "msg" not in known:
        return STAMP.sub("", text)
    more = [f"{key} {value}" for key, value in known.items() if key not in ("ts", "caller", "level", "msg", "time")]
    return f"{known.get('level', '')}: {known['msg']}" + (f" ({', '.join(more)})" if more else "")


def clocks(rec: Recording) -> str:
    """How the hosts' clocks compared with the controller's, and who did not answer, in a sentence or two."""
    told = rec.of("logs", "clock")
    off = [e for e in told if abs(e["offset_ms"]) > e["error_ms"]]
    within = max((e["error_ms"] for e in told if e not in off), default=None)
    found = ["Times are the controller’s"] if told else []
    if within is not None:
        found.append(f"{'the other' if off else 'the'} hosts’ clocks agree with it within {within:.1f} ms")
    found += [
        f"{e['host']}’s was off by {e['offset_ms']:+.1f} ms (± {e['error_ms']:.1f})".replace("-", "−") for e in off
    ]
    silent = [f" {e['host']} did not answer ({e['error']})." for e in rec.of("logs", "silent")]
    return ("; ".join(found) + "." if found else "") + "".join(silent)


# -- the cluster -----------------------------------------------------------------------------------------


def stage(rec: Recording, phase: str) -> list[tuple[str, list[Box]]]:
    """The cluster before or after, tier by tier; a host with several roles stands in each."""
    steady = rec.steady(phase) or {}
    hits = {e["host"]: e["fault"].replace("_", " ") for e in rec.injected if phase == "before" and e.get("host")}
    parts = next((e for e in reversed(rec.of("runner", "parts")) if e["phase"] == phase), {})
    told = {
        "etcd": (parts.get("etcd_leader"), "leads etcd"),
        "proxy": (parts.get("address_holder"), "holds the address"),
    }
    found = []
    for role, title in TIERS:
        hosts = [host for host in rec.run["topology"] if role in (host.get("roles") or ())]
        who, words = told.get(role, (None, ""))
        named = {host["name"]: words if host["name"] == who else "" for host in hosts}
        if role == "postgres":
            named = {host["name"]: part(steady, host["name"]) for host in hosts}
        boxes = [_box(host, named[host["name"]], hits) for host in hosts]
        found += [(title, boxes)] if boxes else []
    return found


def _box(host: dict[str, Any], role: str, hits: Mapping[str, str]) -> Box:
    return Box(host["name"], host.get("address") or "", role, hits.get(host["name"], ""))


def part(steady: Mapping[str, Any], name: str) -> str:
    """What a PostgreSQL node was in a steady state."""
    if not steady:
        return "not observed"
    if name == steady.get("leader"):
        return "leader"
    return "sync standby" if name in (steady.get("sync_standbys") or ()) else "replica" if steady["ok"] else "?"


# -- what was done, what happened ------------------------------------------------------------------------


def actions(rec: Recording, clock: Clock) -> list[dict[str, str]]:
    """Every step and every word about a fault, with the exact commands or the evidence."""
    found = []
    for event in rec.events:
        if event["source"] != "runner" or event["kind"] not in ("fault", "step"):
            continue
        what = event.get("text") or ""
        if event["kind"] == "fault":
            what = f"{event['phase'].replace('_', ' ')}: {event['fault'].replace('_', ' ')} of {_whom(event)}"
        detail = event.get("detail") or ""
        found.append({"since": clock.since(event["t"]), "utc": clock.utc(event["t"]), "what": what, "detail": detail})
    return found


def _whom(event: Mapping[str, Any]) -> str:
    host, target = event.get("host"), event.get("target")
    return f"{host} ({target})" if host and target and host != target else str(host or target)


def turns(rec: Recording, verdict: dict[str, Any]) -> list[Turn]:
    """The turning points after the first fault, in order; without a fault there are none."""
    if rec.fault_at is None:
        return []
    found = [*fault_turns(rec), *failover_turns(rec), *client_turns(rec, verdict), *node_turns(rec), *proxy_turns(rec)]
    return sorted((turn for turn in found if turn.t >= rec.fault_at), key=lambda turn: turn.t)


def fault_turns(rec: Recording) -> list[Turn]:
    phases = {
        "inject": "{} is injected",
        "effective": "{} is proven effective",
        "not_effective": "{} shows no effect",
        "heal": "{} is healed",
        "clean": "{}: the host is clean again",
        "not_clean": "{}: the host is not clean",
    }
    told = rec.of("runner", "fault")
    found = [
        Turn(
            e["t"],
            phases[e["phase"]].format(f"{e['fault'].replace('_', ' ')} of {e.get('host')}"),
            "runner",
            e["phase"] in ("inject", "clean"),
        )  # fmt: skip
        for e in told
    ]
    steady = rec.steady("after")
    text = "the cluster is steady again" if steady and steady["ok"] else "the cluster is not steady"
    return [*found, Turn(steady["t"], text, "runner", True)] if steady else found


def failover_turns(rec: Recording) -> list[Turn]:
    """The leader key, and the first write on the node that took it."""
    history, when = leader_history(rec), moments(rec)
    found = [
        Turn(t, f"the leader key goes to {who}" if who else "the leader key is gone", "etcd", True)
        for t, who in history
        if rec.fault_at and t > rec.fault_at
    ]
    if when.promoted is not None and when.new_leader:
        found.append(Turn(when.promoted, f"{when.new_leader} takes its first write", "node_probe", True))
    return found


def client_turns(rec: Recording, verdict: dict[str, Any]) -> list[Turn]:
    """What clients saw: the end of the outage, and users at 95 %."""
    found, outage, recovered = [], write_outage(rec), verdict["phases"]["recover95_ms"]
    if outage.span:
        found.append(Turn(outage.span.begin, "the last write before the outage is acknowledged", "write_probe"))
    if outage.span and outage.state == "seen":
        found.append(Turn(outage.span.end, "writes are acknowledged again", "write_probe", True))
    if recovered is not None and rec.fault_at is not None:
        t = rec.fault_at + round(recovered * 1e6)
        found.append(Turn(t, "users are back at 95 % of their rate", "locust", True))
    return found


def node_turns(rec: Recording) -> list[Turn]:
    """Each change of what Patroni said of a node."""
    found, last = [], {}
    for event in rec.of("patroni", "member"):
        now = timeline_plot.role(event)
        if last.get(event["host"], now) != now:
            found.append(Turn(event["t"], f"{event['host']} is {now}", "patroni"))
        last[event["host"]] = now
    return found


def proxy_turns(rec: Recording) -> list[Turn]:
    """Each change of a server's state in a proxy's backend for writes."""
    found, last = [], {}
    for event in rec.of("haproxy", "server"):
        if event.get("backend") != "postgres_write":
            continue
        key, now = (event["host"], event["server"]), event.get("status")
        if last.get(key, now) != now:
            found.append(Turn(event["t"], f"{event['host']} marks {event['server']} {now}", "haproxy"))
        last[key] = now
    return found


def told(found: Sequence[Turn], clock: Clock, hosts: Collection[str]) -> list[dict[str, Any]]:
    """Turning points as rows: at most MOST_TURNS, of which the failover's own are kept."""
    kept = found if len(found) <= MOST_TURNS else [turn for turn in found if turn.main][:MOST_TURNS]
    return [{"since": clock.since(t.t), "utc": clock.utc(t.t), "text": capital(t.text, hosts), "source": t.source,
             "main": t.main} for t in kept]  # fmt: skip


def table(values: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return [(key, value if isinstance(value, str) else json.dumps(value)) for key, value in (values or {}).items()]

"""Say from a run's events alone whether its expectations held, and why.

The promise: what was not observed makes the verdict *unknown*, never *pass*; nothing but the events is asked,
so a run can be judged again.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from firedrill.experiments.judge import cluster
from firedrill.experiments.judge import users as felt
from firedrill.experiments.judge.figures import (
    Outage,
    Reason,
    dual_figures,
    leaders,
    moments,
    phases,
    predict,
    read_outage,
    users,
    write_outage,
    writes,
)
from firedrill.experiments.judge.recording import FORMAT, SECOND, Recording, interval, record
from firedrill.experiments.judge.tcp import tcp

WORST = ("pass", "unknown", "fail")
SAFETY = ("lost", "dual_primary_ms")  # a fault that was not proven excuses other figures, never these
OPS = {
    "<=": lambda found, wanted: found <= wanted,
    ">=": lambda found, wanted: found >= wanted,
    "==": lambda found, wanted: found == wanted,
    "!=": lambda found, wanted: found != wanted,
    "is": lambda found, wanted: type(found) is type(wanted) and found == wanted,
}


def text_of(metric: str, value: Any) -> str:
    """A figure as people write it, with its unit: `21.03 s` for 21030 in a metric that ends in `_ms`."""
    if value is None:
        return "not observed"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " to ".join(text_of(metric, item) for item in value)
    if not isinstance(value, int | float):
        return str(value)
    if not metric.endswith("_ms"):
        return f"{value:,}"
    if value >= 1000:
        return f"{value / 1000:.2f} s"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.3g} ms"


def look_up(figures: Mapping[str, Any], metric: str) -> Any:
    """The figure of a (dotted) name. KeyError where there is none of that name."""
    found: Any = figures
    for name in metric.split("."):
        if not isinstance(found, Mapping):
            raise KeyError(metric)
        found = found[name]
    return found


def expect(
    item: dict, figures: Mapping[str, Any], never: Mapping[str, str], proven: bool
) -> tuple[dict[str, Any], str]:
    """Judge one expectation: its entry in the verdict, and the sentence that says why.

    A text in `wanted` that names a figure stands for that figure. `never`: what was seen of the figures that
    are null because their outage did not end. `proven`: whether every fault was; if not, only SAFETY figures
    can fail.
    """
    name, metric, op, wanted = (item.get(key) for key in ("name", "metric", "op", "wanted"))
    verdict, found, limit, note = "unknown", None, wanted, ""
    try:
        found = look_up(figures, str(metric))
        limit = figures.get(wanted) if isinstance(wanted, str) and wanted in figures else wanted
        if metric in never and found is None:
            verdict, note = "fail", f": {never[metric]}"
        elif found is not None and limit is not None:
            verdict = "pass" if OPS[str(op)](found, limit) else "fail"
        else:
            note = f": {wanted} was not observed" if found is not None else ""
    except (KeyError, TypeError) as error:
        note = f": cannot be compared ({error!r})"
    if verdict == "fail" and not proven and metric not in SAFETY:
        verdict, note = "unknown", note + ", which proves nothing since the fault was not proven effective"
    entry = {"name": name, "metric": metric, "op": op, "verdict": verdict, "wanted": wanted, "found": found}
    shown = "no end" if metric in never and found is None else text_of(str(metric), found)
    return entry, f"{name}: wanted {metric} {op} {text_of(str(metric), limit)}, found {shown}{note}."


def expectations(
    rec: Recording, figures: Mapping[str, Any], never: Mapping[str, str], proven: bool
) -> tuple[list[dict], list[Reason]]:
    """Every expectation's entry and reason. A run that expects nothing cannot pass."""
    judged = [expect(item, figures, never, proven) for item in rec.run["expectations"]]
    reasons = [Reason(entry["verdict"], text) for entry, text in judged]
    if not judged:
        reasons = [Reason("unknown", f"{rec.run['experiment']}: states no expectations, wanted one or more.")]
    return [entry for entry, _ in judged], reasons


def fault_reasons(rec: Recording) -> list[Reason]:
    """Every fault must have been proven effective, and its host proven clean again."""
    if not rec.injected:
        return [Reason("unknown", f"{rec.run['experiment']}: no fault was injected, wanted one or more.")]
    reasons = []
    for fault in rec.injected:
        told = [e for e in rec.of("runner", "fault") if e["id"] == fault["id"]]
        who = f"{fault['fault']} of {fault.get('host') or fault.get('target')}"
        said = {e["phase"]: e.get("detail") for e in told}
        if "effective" not in said:
            found = said.get("not_effective", "no proof")
            reasons.append(Reason("unknown", f"{who}: wanted proof of its effect, found {found}."))
        end = next((e for e in reversed(told) if e["phase"] in ("clean", "not_clean")), None)
        if end is None:
            reasons.append(Reason("unknown", f"{who}: wanted proof that it was healed, found none."))
        elif end["phase"] == "not_clean":
            found = end.get("detail") or "that it is not"
            reasons.append(Reason("fail", f"{who}: wanted a clean host after healing, found {found}."))
    return reasons


def proven(rec: Recording) -> bool:
    """Whether every injected fault was proven effective."""
    shown = {e["id"] for e in rec.of("runner", "fault") if e["phase"] == "effective"}
    return bool(rec.injected) and all(e["id"] in shown for e in rec.injected)


def run_reasons(rec: Recording) -> list[Reason]:
    """The steady state must have been observed before and after, and the run have ended well."""
    reasons, verdicts = [], {"before": "unknown", "after": "fail"}
    for phase, verdict in verdicts.items():
        steady = rec.steady(phase)
        if steady is None:
            reasons.append(Reason("unknown", f"Steady state {phase}: wanted it observed, found no word of it."))
        elif not steady["ok"]:
            found = steady.get("detail") or "that it is not"
            reasons.append(Reason(verdict, f"Steady state {phase}: wanted a healthy cluster, found {found}."))
    if not rec.ended:
        ends = rec.of("runner", "end")
        found = (ends[-1].get("detail") or "that it broke off") if ends else "no end"
        reasons.append(Reason("unknown", f"The run: wanted it to end well, found {found}."))
    return reasons


def hole_reasons(rec: Recording) -> list[Reason]:
    """Every observer must have spoken, of each of its hosts, from the first fault until all was steady."""
    reasons = []
    for hole in rec.silences:
        if interval(rec, hole.observer) is None:
            text = f"{hole.observer}: wanted it to watch the run, found that it never started."
            reasons.append(Reason("unknown", text))
            continue
        about = f" about {hole.host}" if hole.host else ""
        at = (hole.span.begin - rec.window.begin) / SECOND
        wanted, found = hole.limit / SECOND, hole.span.length / SECOND
        text = f"{hole.observer}: wanted a word{about} every {wanted:.3g} s, found {found:.2f} s of silence"
        reasons.append(Reason("unknown", f"{text} from {at:+.2f} s."))
    return reasons


def measure(rec: Recording) -> tuple[dict[str, Any], dict[str, str], list[Reason]]:
    """Every figure of the verdict, what was seen of outages that never ended, what hindered the ledger."""
    outages = {"rto_ms": write_outage(rec), "read_outage_ms": read_outage(rec)}
    counts, reasons = writes(rec)
    led = leaders(rec)
    figures = {name: found.ms for name, found in outages.items()} | counts | dual_figures(rec)
    figures |= {"phases": phases(rec, moments(rec)), **users(rec), **led, "fault_at": rec.fault_at}
    figures |= {"predicted": predict(rec, led["leader_before"]), "tcp": tcp(rec)}
    figures |= felt.figures(rec) | cluster.figures(rec)
    return (
        figures,
        {name: text for name, found in outages.items() if (text := never_ended(rec, found))},
        reasons,
    )


def never_ended(rec: Recording, found: Outage) -> str | None:
    """The sentence about an outage that did not end; null for one that did, or that was not seen."""
    if found.state != "never" or found.span is None or rec.fault_at is None:
        return None
    last, end = ((at - rec.fault_at) / SECOND for at in (found.span.begin, found.span.end))
    return f"the last success was {last:+.2f} s from the fault, watched until {end:+.2f} s"


def why(reasons: Sequence[Reason]) -> tuple[str, list[str]]:
    """The worst verdict asked for, and its sentences, the worst first; those that held only where all did."""
    verdict = max((r.verdict for r in reasons), key=WORST.index, default="unknown")
    wanted = [v for v in reversed(WORST) if v != "pass" or verdict == "pass"]
    return verdict, [r.text for v in wanted for r in reasons if r.verdict == v]


def judge(events: Iterable[dict]) -> dict[str, Any]:
    """Judge a run: the content of verdict.json, as docs/events.md says. ValueError on bad events."""
    rec = record(events)
    figures, never, reasons = measure(rec)
    steady = {f"steady_{phase}": (rec.steady(phase) or {}).get("ok") for phase in ("before", "after")}
    judged, held = expectations(rec, figures | steady, never, proven(rec))
    reasons = [*held, *fault_reasons(rec), *run_reasons(rec), *hole_reasons(rec), *reasons]
    verdict, sentences = why(reasons)
    head = {"format": FORMAT, "experiment": rec.run["experiment"], "title": rec.run["title"]}
    tail = {"expectations": judged, "alerts": []} | {key: rec.run.get(key) for key in ("seed", "versions")}
    return head | {"verdict": verdict, "why": sentences} | figures | steady | tail


def spread(values: Iterable[float | None]) -> dict[str, Any]:
    """Least, median and greatest of what was observed, and how many of how many that was."""
    given = list(values)
    known = [value for value in given if value is not None]
    ends = {"min": min(known), "median": median(known), "max": max(known)} if known else {}
    return {"min": None, "median": None, "max": None, **ends, "observed": len(known), "runs": len(given)}


def summarise(verdicts: Sequence[dict]) -> dict[str, Any]:
    """What a run repeated N times says: the worst verdict, and the spread of the outage and its phases (ms).

    Lost writes are added up and two primaries taken at their longest; both null where a run did not observe
    them and the others found none. ValueError for no verdicts, or those of different experiments.
    """
    if len(names := sorted({v["experiment"] for v in verdicts})) != 1:
        raise ValueError(f"wanted the verdicts of one experiment, found {', '.join(names) or 'none'}")
    found = [v["verdict"] for v in verdicts]
    lost, dual = ([v[key] for v in verdicts] for key in SAFETY)
    return {
        "format": FORMAT,
        "experiment": names[0],
        "title": verdicts[0]["title"],
        "verdict": max(found, key=WORST.index),
        "runs": len(verdicts),
        "verdicts": {v: found.count(v) for v in WORST},
        "rto_ms": spread(v["rto_ms"] for v in verdicts),
        "read_outage_ms": spread(v["read_outage_ms"] for v in verdicts),
        "phases": {name: spread(v["phases"][name] for v in verdicts) for name in verdicts[0]["phases"]},
        "lost": sum(filter(None, lost)) or (None if None in lost else 0),
        "dual_primary_ms": max(filter(None, dual), default=None if None in dual else 0.0),
        "why": [f"Run {n}: {w}" for n, v in enumerate(verdicts, 1) if v["verdict"] != "pass" for w in v["why"]],
    }

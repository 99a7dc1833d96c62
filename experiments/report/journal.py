"""Export a run as a Chaos Toolkit journal, for tools that read one (`chaos report`, for example).

Faults become actions of the method, healing becomes rollbacks, expectations become probes of the steady state
afterwards. `deviated` means *fail*. A journal has no *unknown*: its status is then `failed`; it is `interrupted` if the
run broke off.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from firedrill.experiments.judge.recording import SECOND, Recording, record

# The release of chaostoolkit-lib that defines these fields: the version of the format, not of what ran.
FORMAT_OF = "1.44.0"


def journal(events: list[dict], verdict: Mapping[str, Any]) -> dict[str, Any]:
    """The journal of a judged run. ValueError on bad events."""
    rec = record(events)
    end = (rec.of("runner", "end") or rec.events)[-1]["t"]
    steps = list(_runs(rec, "inject", ("effective", "not_effective")))
    healed = list(_runs(rec, "heal", ("clean", "not_clean")))
    return {
        "chaoslib-version": FORMAT_OF,
        "platform": "firedrill",
        "node": rec.run.get("inventory") or "",
        "experiment": _experiment(rec, verdict, steps, healed),
        "start": _iso(rec.run["t"]),
        "end": _iso(end),
        "duration": (end - rec.run["t"]) / SECOND,
        "status": _status(rec, verdict),
        "deviated": verdict["verdict"] == "fail",
        "steady_states": {"before": _before(rec), "after": _after(rec, verdict), "during": []},
        "run": steps,
        "rollbacks": healed,
    }


def _status(rec: Recording, verdict: Mapping[str, Any]) -> str:
    if not rec.ended:
        return "interrupted"
    return "failed" if verdict["verdict"] == "unknown" else "completed"


def _experiment(rec: Recording, verdict: Mapping[str, Any], steps: list[dict], healed: list[dict]) -> dict[str, Any]:
    probes = [_probe(item) for item in verdict["expectations"]]
    return {
        "version": "1.0.0",
        "title": rec.run["title"],
        "description": " ".join(filter(None, (rec.run.get("question"), rec.run.get("hypothesis")))) or rec.run["title"],
        "tags": ["firedrill", rec.run["experiment"]],
        "steady-state-hypothesis": {
            "title": rec.run.get("hypothesis") or rec.run["title"],
            "probes": [_steady(), *probes],
        },
        "method": [step["activity"] for step in steps],
        "rollbacks": [step["activity"] for step in healed],
        "extensions": [
            {"name": "firedrill", "verdict": verdict["verdict"], "why": verdict["why"], "seed": verdict.get("seed")}
        ],
    }


def _runs(rec: Recording, begin: str, ends: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Each injection or healing of a fault: when it began and how it ended."""
    recorded = rec.of("runner", "fault")
    for event in recorded:
        if event["phase"] != begin:
            continue
        after = next(
            (e for e in recorded if e["id"] == event["id"] and e["phase"] in ends and e["t"] >= event["t"]), None
        )
        done = after or event
        yield {
            "activity": _action(event, begin),
            "output": "\n".join(e["detail"] for e in (event, after) if e and e.get("detail")),
            "start": _iso(event["t"]),
            "end": _iso(done["t"]),
            "duration": (done["t"] - event["t"]) / SECOND,
            "status": "succeeded" if after and not after["phase"].startswith("not_") else "failed",
        }


def _action(event: Mapping[str, Any], verb: str) -> dict[str, Any]:
    target, options = str(event.get("target") or event.get("host")), []
    for name, value in (event.get("args") or {}).items():
        options += [f"--{name.replace('_', '-')}", str(value)]
    words = ["inject", event["fault"], target, *options] if verb == "inject" else ["heal", str(event["id"])]
    return {
        "type": "action",
        "name": f"{verb} {event['fault'].replace('_', ' ')}: {event.get('host') or target}",
        "provider": {"type": "process", "path": "faults", "arguments": words},
    }


def _steady() -> dict[str, Any]:
    provider = {"type": "process", "path": "experiments", "arguments": ["doctor"]}
    return {"type": "probe", "name": "the cluster is in its steady state", "tolerance": True, "provider": provider}


def _probe(item: Mapping[str, Any]) -> dict[str, Any]:
    words = ["judge", "events.jsonl", "--json"]
    return {
        "type": "probe",
        "name": str(item["name"]),
        "tolerance": {"type": "jsonpath", "path": f"$.{item['metric']}", "expect": [item["wanted"]]},
        "provider": {"type": "process", "path": "experiments", "arguments": words},
    }


def _seen(activity: dict[str, Any], t: int, found: Any, met: bool) -> dict[str, Any]:
    at = _iso(t)
    return {
        "activity": activity,
        "output": found,
        "start": at,
        "end": at,
        "duration": 0.0,
        "status": "succeeded",
        "tolerance_met": met,
    }


def _before(rec: Recording) -> dict[str, Any] | None:
    steady = rec.steady("before")
    if steady is None:
        return None
    return {"steady_state_met": steady["ok"], "probes": [_seen(_steady(), steady["t"], steady["ok"], steady["ok"])]}


def _after(rec: Recording, verdict: Mapping[str, Any]) -> dict[str, Any] | None:
    steady = rec.steady("after")
    if steady is None:
        return None
    probes = [_seen(_steady(), steady["t"], steady["ok"], steady["ok"])]
    probes += [
        _seen(_probe(item), steady["t"], item["found"], item["verdict"] == "pass") for item in verdict["expectations"]
    ]
    return {"steady_state_met": all(probe["tolerance_met"] for probe in probes), "probes": probes}


def _iso(t: int) -> str:
    return datetime.fromtimestamp(t / SECOND, UTC).isoformat()

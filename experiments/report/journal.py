"""Export a run as a Chaos Toolkit journal, for tools that read one (`chaos report`, for example).

Faults become actions of the method, healing becomes rollbacks, expectations become probes of the steady state
afterwards. `deviated` means *fail*. A journal has no *unknown*: its status is then `failed`; it is `interrupted` if the
run broke off.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from firedrill.experiments.judge.facts import FaultEvent, Steady
from firedrill.experiments.judge.findings import Findings
from firedrill.experiments.judge.schema import Expectation, Verdict
from firedrill.experiments.judge.spans import SECOND

# The release of chaostoolkit-lib that defines these fields: the version of the format, not of what ran.
FORMAT_OF = "1.44.0"


def journal(findings: Findings, verdict: Verdict) -> dict[str, Any]:
    """The journal of a judged run."""
    began, ended = findings.run.t, findings.end.t if findings.end else findings.ended
    steps = list(_runs(findings, "inject", ("effective", "not_effective")))
    healed = list(_runs(findings, "heal", ("clean", "not_clean")))
    return {
        "chaoslib-version": FORMAT_OF,
        "platform": "firedrill",
        "node": findings.run.inventory or "",
        "experiment": _experiment(findings, verdict, steps, healed),
        "start": _iso(began),
        "end": _iso(ended),
        "duration": (ended - began) / SECOND,
        "status": _status(findings, verdict),
        "deviated": verdict.verdict == "fail",
        "steady_states": {"before": _before(findings), "after": _after(findings, verdict), "during": []},
        "run": steps,
        "rollbacks": healed,
    }


def _status(findings: Findings, verdict: Verdict) -> str:
    if findings.end is None or not findings.end.ok:
        return "interrupted"
    return "failed" if verdict.verdict == "unknown" else "completed"


def _experiment(findings: Findings, verdict: Verdict, steps: list[dict], healed: list[dict]) -> dict[str, Any]:
    run = findings.run
    return {
        "version": "1.0.0",
        "title": run.title,
        "description": " ".join(filter(None, (run.question, run.hypothesis))) or run.title,
        "tags": ["firedrill", run.experiment],
        "steady-state-hypothesis": {
            "title": run.hypothesis or run.title,
            "probes": [_steady(), *map(_probe, verdict.expectations)],
        },
        "method": [step["activity"] for step in steps],
        "rollbacks": [step["activity"] for step in healed],
        "extensions": [
            {"name": "firedrill", "verdict": verdict.verdict, "why": list(verdict.why), "seed": verdict.seed}
        ],
    }


def _runs(findings: Findings, begin: str, ends: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Each injection or healing of a fault: when it began and how it ended."""
    recorded = findings.fault_events
    for event in recorded:
        if event.phase != begin:
            continue
        later = (e for e in recorded if e.id == event.id and e.phase in ends and e.t >= event.t)
        after = next(later, None)
        done = after or event
        yield {
            "activity": _action(event, begin),
            "output": "\n".join(e.detail for e in (event, after) if e and e.detail),
            "start": _iso(event.t),
            "end": _iso(done.t),
            "duration": (done.t - event.t) / SECOND,
            "status": "succeeded" if after and not after.phase.startswith("not_") else "failed",
        }


def _action(event: FaultEvent, verb: str) -> dict[str, Any]:
    target, options = str(event.target or event.host), []
    for name, value in event.args.items():
        options += [f"--{name.replace('_', '-')}", str(value)]
    arguments = ["inject", event.fault, target, *options] if verb == "inject" else ["heal", str(event.id)]
    return {
        "type": "action",
        "name": f"{verb} {event.fault.replace('_', ' ')}: {event.host or target}",
        "provider": {"type": "process", "path": "faults", "arguments": arguments},
    }


def _steady() -> dict[str, Any]:
    provider = {"type": "process", "path": "experiments", "arguments": ["doctor"]}
    return {"type": "probe", "name": "the cluster is in its steady state", "tolerance": True, "provider": provider}


def _probe(item: Expectation) -> dict[str, Any]:
    arguments = ["judge", "events.jsonl", "--json"]
    return {
        "type": "probe",
        "name": item.name,
        "tolerance": {"type": "jsonpath", "path": f"$.{item.metric}", "expect": [item.wanted]},
        "provider": {"type": "process", "path": "experiments", "arguments": arguments},
    }


def _probed(activity: dict[str, Any], t: int, found: Any, met: bool) -> dict[str, Any]:
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


def _checked(steady: Steady) -> dict[str, Any]:
    return _probed(_steady(), steady.t, steady.ok, steady.ok)


def _before(findings: Findings) -> dict[str, Any] | None:
    steady = findings.before
    return {"steady_state_met": steady.ok, "probes": [_checked(steady)]} if steady else None


def _after(findings: Findings, verdict: Verdict) -> dict[str, Any] | None:
    steady = findings.after
    if steady is None:
        return None
    judged = [_probed(_probe(item), steady.t, item.found, item.verdict == "pass") for item in verdict.expectations]
    probes = [_checked(steady), *judged]
    return {"steady_state_met": all(probe["tolerance_met"] for probe in probes), "probes": probes}


def _iso(t: int) -> str:
    return datetime.fromtimestamp(t / SECOND, UTC).isoformat()

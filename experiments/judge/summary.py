"""One experiment, run several times: the worst verdict, and the spread of its figures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import median
from typing import Any

from firedrill.experiments.judge import shape
from firedrill.experiments.judge.reasons import WORST
from firedrill.experiments.judge.schema import FORMAT, Judged, Phases, Verdict


@dataclass(frozen=True)
class Spread:
    """Least, median and greatest of what was observed, and in how many of how many runs it was."""

    min: float | None
    median: float | None
    max: float | None
    observed: int
    runs: int


@dataclass(frozen=True)
class Summary:
    """Several runs of one experiment.

    Lost writes are added up, and two primaries taken at their longest; both are None where a run did not observe them
    and the others found none.
    """

    format: int
    experiment: str
    title: str
    verdict: Judged
    runs: int
    verdicts: Mapping[str, int]
    rto_ms: Spread
    read_outage_ms: Spread
    phases: Mapping[str, Spread]
    lost: int | None
    dual_primary_ms: float | None
    why: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = shape.to_json(self)
        return found


def spread(values: Iterable[float | None]) -> Spread:
    given = list(values)
    known = [value for value in given if value is not None]
    if not known:
        return Spread(None, None, None, 0, len(given))
    return Spread(min(known), median(known), max(known), len(known), len(given))


def summarise(verdicts: Sequence[Verdict]) -> Summary:
    """Sum up runs. ValueError for no verdicts, or those of different experiments."""
    if len(names := sorted({verdict.experiment for verdict in verdicts})) != 1:
        raise ValueError(f"wanted the verdicts of one experiment, found {', '.join(names) or 'none'}")
    found = [verdict.verdict for verdict in verdicts]
    lost, dual = [verdict.lost for verdict in verdicts], [verdict.dual_primary_ms for verdict in verdicts]
    phases = {f.name: spread(getattr(verdict.phases, f.name) for verdict in verdicts) for f in fields(Phases)}
    return Summary(
        format=FORMAT,
        experiment=names[0],
        title=verdicts[0].title,
        verdict=max(found, key=WORST.index),
        runs=len(verdicts),
        verdicts={verdict: found.count(verdict) for verdict in WORST},
        rto_ms=spread(verdict.rto_ms for verdict in verdicts),
        read_outage_ms=spread(verdict.read_outage_ms for verdict in verdicts),
        phases=phases,
        lost=sum(filter(None, lost)) or (None if None in lost else 0),
        dual_primary_ms=max(filter(None, dual), default=None if None in dual else 0.0),
        why=tuple(
            f"Run {number}: {sentence}"
            for number, verdict in enumerate(verdicts, 1)
            if verdict.verdict != "pass"
            for sentence in verdict.why
        ),
    )

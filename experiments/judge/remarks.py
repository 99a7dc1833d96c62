"""Remarks on a run that change no figure: what its clock did."""

from collections.abc import Iterator

from firedrill.experiments.judge.findings import Findings
from firedrill.experiments.judge.spans import SECOND


def remarks(findings: Findings) -> tuple[str, ...]:
    """For `notes` of the verdict."""
    return tuple(_clock(findings))


def _clock(findings: Findings) -> Iterator[str]:
    for step in findings.clock_steps:
        when = (step.t - findings.zero) / SECOND
        yield (
            f"The controller's clock was stepped by {step.size_ms / 1000:+.3f} s at {when:+.2f} s. "
            "The times of this run do not depend on it."
        )
    for pause in findings.pauses:
        when, inside = (pause.span.begin - findings.zero) / SECOND, pause.span.touches(findings.window)
        if pause.process is None and not inside:
            yield f"The controller was suspended for {pause.size / SECOND:.2f} s at {when:+.2f} s: excluded."
        elif pause.process == "runner":
            yield f"The runner did not run for {pause.size / SECOND:.2f} s from {when:+.2f} s: its steps may be late."

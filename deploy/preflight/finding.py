"""What preflight found: a refusal ends the deploy before it changes anything, a warning does not."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from firedrill.inventories.errors import Problem
from firedrill.inventories.printable import printable

SETTINGS = "settings"
# The environment variable that names the file for the findings of a check without a deploy.
REPORT = "FIREDRILL_PREFLIGHT_REPORT"


@dataclass(frozen=True)
class Finding:
    """`host`: its name, or SETTINGS; `check`: its name in docs/preflight.md; `remedy`: what to do about `cause`."""

    host: str
    check: str
    cause: str
    remedy: str
    refused: bool = True


def of_problem(check: str, problem: Problem) -> Finding:
    return Finding(SETTINGS, check, problem.cause, problem.remedy)


def lines(findings: Sequence[Finding]) -> list[str]:
    """A line for each: refusals first."""
    width = max((len(one.host) for one in findings), default=0)
    ordered = sorted(findings, key=lambda one: not one.refused)
    return [
        printable(
            f"{'✗' if one.refused else '⚠'} {one.host:<{width}}  {': '.join(filter(None, (one.cause, one.remedy)))}"
        )
        for one in ordered
    ]


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    return {"ok": not any(one.refused for one in findings), "findings": [asdict(one) for one in findings]}

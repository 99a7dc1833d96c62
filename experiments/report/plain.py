"""The report of a run whose own report could not be made: the verdict, its reasons, and the traceback.

Neither templates nor plots are used, since they may be what failed.
"""

import html
import traceback
from pathlib import Path

from firedrill.experiments.judge.schema import Verdict
from firedrill.experiments.report.render import code, markdown
from firedrill.inventories.printable import printable


def write_plain(verdict: Verdict, error: BaseException, folder: Path) -> None:
    """Write report.md and report.html into a folder."""
    trace = printable("".join(traceback.format_exception(error)))
    head = f"{verdict.title}: {verdict.verdict.upper()}"
    reasons = [f"- {markdown(sentence)}" for sentence in verdict.why]
    lines = [f"# {markdown(head)}", "", *reasons, "", "```", code(trace), "```", ""]
    (folder / "report.md").write_text("\n".join(lines), encoding="utf-8")
    title, items = _safe(head), "".join(f"<li>{_safe(sentence)}</li>" for sentence in verdict.why)
    page = f"<!doctype html><meta charset=utf-8><title>{title}</title><h1>{title}</h1><ul>{items}</ul>"
    (folder / "report.html").write_text(f"{page}<pre>{_safe(trace)}</pre>\n", encoding="utf-8")


def _safe(text: str) -> str:
    return html.escape(printable(text))

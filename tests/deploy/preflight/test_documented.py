"""docs/preflight.md lists every check in the code, and no other."""

import re

from tests.labs import ROOT

BEFORE = (
    r"_finding\(\s*",
    r"[^_]finding\(\s*seen,\s*",
    r"of_problem\(",
    "wanted[^=\n]*= {",
    r"wanted\[",
    r"Finding\(\s*[\w.]+,\s*",
)
NAMED = re.compile(rf'(?:{"|".join(BEFORE)})"([\w -]+)"')


def test_every_check_is_documented():
    code = "\n".join(file.read_text() for file in (ROOT / "deploy/preflight").glob("*.py"))
    rows = [line.split("|")[1] for line in (ROOT / "docs/preflight.md").read_text().splitlines() if line[:3] == "| `"]
    documented = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    assert documented == set(NAMED.findall(code))

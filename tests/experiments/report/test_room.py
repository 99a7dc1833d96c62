"""The report reads findings and verdicts only, and knows no database system by name."""

import ast
import re
from pathlib import Path

import pytest

from firedrill.experiments import report

ROOM = Path(report.__file__).parent
ALLOWED = {"facts", "findings", "schema", "spans", "units", "summary", "users"}
SYSTEMS = re.compile(r"etcd|patroni|postgres|haproxy|mysql|locust", re.IGNORECASE)


def imported(file):
    """The modules of the judge that a module imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("firedrill.experiments.judge."):
            yield (node.module or "").rsplit(".", 1)[1]


@pytest.mark.parametrize("file", sorted(ROOM.glob("*.py")), ids=lambda file: file.stem)
def test_modules_read_findings_and_verdicts_only(file):
    allowed = ALLOWED | ({"recording", "verdict"} if file.stem == "again" else set())
    assert set(imported(file)) <= allowed


@pytest.mark.parametrize("file", sorted([*ROOM.glob("*.py"), *ROOM.glob("templates/*")]), ids=lambda file: file.name)
def test_no_database_system_is_named(file):
    assert SYSTEMS.findall(file.read_text()) == []

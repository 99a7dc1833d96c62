"""Imports between rooms follow the data flow of docs/architecture.md, and every room is described there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# What each room may import; a room may always import itself.
MAY_IMPORT = {
    "inventories": set(),
    "weather": set(),
    "fence": set(),
    "lab": {"inventories"},
    "deploy": {"cluster", "inventories"},
    "cluster": {"inventories"},
    "faults": {"cluster", "inventories"},
    "loadtests": {"cluster", "inventories"},
    "experiments/drills": {"experiments", "faults"},
    "experiments/observe": {"experiments", "cluster", "inventories"},
    "experiments/judge": {"experiments/observe", "cluster"},
    "experiments/report": {"experiments/judge", "inventories"},
    "experiments/run": {
        "experiments", "experiments/judge", "experiments/observe", "experiments/report", "cluster", "faults",
        "inventories",
    },
    "experiments": {
        "experiments/drills", "experiments/judge", "experiments/observe", "experiments/report", "experiments/run",
        "cluster", "faults", "inventories",
    },
}  # fmt: skip


def room_of(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[:2]) if "/".join(parts[:2]) in MAY_IMPORT else parts[0]


def imported_by(file: Path) -> set[str]:
    """The rooms that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {one.name.removeprefix("firedrill.").replace(".", "/") for one in node.names}
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("firedrill"):
            names |= {f"{node.module}.{one.name}".removeprefix("firedrill.").replace(".", "/") for one in node.names}
    return {room_of(name) for name in names} & MAY_IMPORT.keys()


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_follow_the_data_flow(room):
    files = [file for file in (ROOT / room).rglob("*.py") if room_of(str(file.relative_to(ROOT))) == room]
    assert files
    for file in files:
        wrong = imported_by(file) - MAY_IMPORT[room] - {room}
        assert not wrong, f"{file.relative_to(ROOT)} imports {', '.join(sorted(wrong))}"


def test_a_deploy_takes_only_the_timing_model_from_the_cluster():
    """The rest asks a cluster, which a deploy has no access to yet."""
    text = "\n".join(file.read_text() for file in (ROOT / "deploy").rglob("*.py"))
    taken = set(re.findall(r"^from firedrill\.(cluster[\w.]*) import ([\w, ]+)$", text, re.M))
    assert {module for module, _ in taken} == {"cluster.group_replication", "cluster.patroni", "cluster.system"}
    assert all(names.split(" as ")[0] == "timing" for module, names in taken if module != "cluster.system")


def test_the_architecture_lists_each_room_and_only_files_that_exist():
    rows = [row.split("|")[1:3] for row in (ROOT / "docs/architecture.md").read_text().splitlines() if row[:3] == "| `"]
    rooms = {
        folder.strip().strip("`/"): text for folder, text in rows if folder.strip().startswith("`") and "/" in folder
    }
    assert MAY_IMPORT.keys() <= rooms.keys() | {"experiments/drills"}
    for room, text in rooms.items():
        for name in [part for part in text.split("`")[1::2] if part.endswith((".py", ".json"))]:
            assert (ROOT / room / name).exists(), f"docs/architecture.md: {room}/{name}"

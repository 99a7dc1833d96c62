"""tests/CLASSES.md names tests that exist, and has the twelve classes with examples."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PARTS = re.split(r"^## ", (HERE / "CLASSES.md").read_text(), flags=re.MULTILINE)[1:]
ROWS = [(part.splitlines()[0], row) for part in PARTS for row in re.findall(r"^\| (?!example|---)(.*) \|$", part, re.M)]


def test_there_are_twelve_classes_each_with_examples():
    assert [part.split(".")[0] for part in PARTS] == [str(number) for number in range(1, 13)]
    assert {title for title, _ in ROWS} == {part.splitlines()[0] for part in PARTS}


@pytest.mark.parametrize("row", [row for _, row in ROWS], ids=[row.split(" | ")[0][:50] for _, row in ROWS])
def test_an_example_has_tests_that_exist(row):
    example, tests = row.rsplit(" | ", 1)
    named = re.findall(r"`([\w/]+\.py)?::(\w+)`", tests)
    assert example and named and ", ".join(f"`{file}::{name}`" for file, name in named) == tests, tests
    file = ""
    for given, name in named:
        file = given or file
        assert re.search(rf"^(async )?def test_{name}\(", (HERE / file).read_text(), re.M), f"{file}::{name}"

"""The judge and the report know no database system: what is special about one is in `cluster/`."""

import re
from pathlib import Path

import pytest

from firedrill import experiments

ROOM = Path(experiments.__file__).resolve().parent
WORDS = re.compile(r"etcd|patroni|postgres|mysql", re.IGNORECASE)
FILES = [path for room in ("judge", "report") for path in sorted((ROOM / room).rglob("*")) if path.is_file()]


@pytest.mark.parametrize("path", [path for path in FILES if path.suffix in (".py", ".j2", ".json")], ids=str)
def test_no_word_of_a_system(path):
    found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if WORDS.search(line)]
    assert found == []

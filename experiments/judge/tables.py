"""Generate from the code: the field tables of docs/events.md and docs/verdict.md, and verdict.schema.json.

    python -m firedrill.experiments.judge.tables

A table is between `<!-- table: NAME -->` and `<!-- end -->`; NAME is a source of events, or a class of schema.py.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from firedrill.experiments.judge import schema, shape
from firedrill.experiments.judge.contract import ENVELOPE, EVENTS

ROOT = Path(schema.__file__).resolve().parents[2]
DOCS = (ROOT / "docs" / "events.md", ROOT / "docs" / "verdict.md")
SCHEMA = Path(schema.__file__).resolve().with_name("verdict.schema.json")
PLACE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
NAMES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null", Any: "any value"}


def filled(text: str) -> str:
    """The document with every table generated again."""
    return PLACE.sub(lambda place: f"{place[1]}{_table(place[2])}\n{place[3]}", text)


def schema_text() -> str:
    """The content of verdict.schema.json."""
    return json.dumps(schema.generated(), indent=1) + "\n"


def _table(name: str) -> str:
    if name == "envelope":
        return "\n".join(_rows(("field", "value", "meaning"), _of_fields(ENVELOPE)))
    if name[0].isupper():
        return "\n".join(_rows(("key", "value", "meaning"), _of_class(getattr(schema, name))))
    return "\n".join(_rows(("kind", "field", "value", "meaning"), _of_source(name)))


def _rows(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


# -- events ----------------------------------------------------------------------------------------------


def _of_source(name: str) -> Iterator[tuple[str, ...]]:
    for (source, kind), row in EVENTS.items():
        if source == name:
            yield f"`{kind}`", "", "", row.text
            for cells in _of_fields(row.fields):
                yield "", *cells


def _of_fields(known: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, field in known.items():
        kind = re.sub(r"\ban? ", "", field.type.name)
        yield f"`{name}`", kind + ("" if field.required else " or null"), field.text


# -- the verdict -----------------------------------------------------------------------------------------


def _of_class(kind: Any) -> Iterator[tuple[str, ...]]:
    hints = shape.hints_of(kind)
    for field in fields(kind):
        yield f"`{shape.key(field)}`", _name(hints[field.name]), _text(field)


def _text(field: "Field[Any]") -> str:
    text: str = field.metadata["text"]
    return text


def _name(kind: Any) -> str:
    """The name of a type."""
    origin, args = get_origin(kind), get_args(kind)
    if kind in NAMES:
        return NAMES[kind]
    if is_dataclass(kind):
        return f"`{kind.__name__}`"  # type: ignore[union-attr]
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in args)
    if origin is tuple:
        return f"list of {_name(args[0])}"
    if origin is Mapping or str(origin).endswith("Mapping'>"):
        return f"object of {_name(args[1])}"
    assert origin in (Union, UnionType), kind
    return " or ".join(_name(member) for member in args)


def main() -> None:
    for path in DOCS:
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()

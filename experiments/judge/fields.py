"""Types of the fields of an event, and the check that refuses a field of the wrong type."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

MOST = 2**63 - 1  # integers and moments fit into 64 bits


@dataclass(frozen=True)
class Type:
    """A type of JSON value: its name in messages and tables, and whether a value is of it."""

    name: str
    holds: Callable[[Any], bool]


class Field(NamedTuple):
    """A field of an event. One that is `required` is neither missing nor null."""

    type: Type
    text: str
    required: bool = False


class Kind(NamedTuple):
    """A kind of event: when it is recorded, and its fields."""

    text: str
    fields: Mapping[str, Field]


def _integer(value: Any) -> bool:
    return type(value) is int and -MOST <= value <= MOST


def _number(value: Any) -> bool:
    return _integer(value) or (type(value) is float and math.isfinite(value))


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | bool) or _number(value)


TEXT = Type("a string", lambda value: isinstance(value, str))
BOOLEAN = Type("a boolean", lambda value: isinstance(value, bool))
INTEGER = Type("an integer", _integer)
COUNT = Type("a non-negative integer", lambda value: type(value) is int and 0 <= value <= MOST)
MOMENT = Type("a time in nanoseconds", lambda value: type(value) is int and 0 < value <= MOST)
NUMBER = Type("a number", _number)
LENGTH = Type("a non-negative number", lambda value: _number(value) and 0 <= value <= MOST)
ID = Type("an integer or a string", lambda value: _integer(value) or isinstance(value, str))
NAMED_TEXTS = Type(
    "an object of strings",
    lambda value: isinstance(value, dict) and all(isinstance(v, str | None) for v in value.values()),
)
OBJECT = Type("an object", lambda value: isinstance(value, dict))
TEXTS = Type("a list of strings", lambda value: isinstance(value, list) and all(isinstance(v, str) for v in value))
IDS = Type("a list of integers or strings", lambda value: isinstance(value, list) and all(map(ID.holds, value)))
SCALAR = Type("a value", lambda value: _scalar(value) or (isinstance(value, list) and all(map(_scalar, value))))


def one_of(*values: str) -> Type:
    return Type(" or ".join(values), lambda value: isinstance(value, str) and value in values)


def objects(**fields: Field) -> Type:
    """A list of objects with these fields."""
    names = ", ".join(f"`{name}`" for name in fields)
    return Type(
        f"a list of objects ({names})",
        lambda value: isinstance(value, list)
        and all(isinstance(item, dict) and all(holds(field, item.get(name)) for name, field in fields.items())
                for item in value),
    )  # fmt: skip


def holds(field: Field, value: Any) -> bool:
    """Whether a field may have this value."""
    return not field.required if value is None else field.type.holds(value)


def check(event: Mapping[str, Any], fields: Mapping[str, Field], whose: str) -> None:
    """Refuse wrong fields: ValueError with the field, what was wanted and what was found."""
    for name, field in fields.items():
        value = event.get(name)
        if value is None:
            if not field.required:
                continue
            if name not in event:
                raise ValueError(f"{whose} has no field {name!r}")
        if value is None or not field.type.holds(value):
            raise ValueError(f"{name!r} cannot be {short(value)}, wanted {field.type.name}")


def short(value: Any) -> str:
    """A value for a message, cut where it is long."""
    if isinstance(value, int) and not _integer(value) and not isinstance(value, bool):
        return "an integer of more than 64 bits"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."

"""Dataclasses as JSON: to it, from it, and as a JSON schema, by their type hints.

Known are None, bool, int, float, str, Any, literals, unions, tuples of one kind, mappings from text, and dataclasses.
The trailing underscore of a field is not part of its key; its metadata `text` is its description.
"""

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

SIMPLE: dict[Any, str] = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def key(field: "Field[Any]") -> str:
    """The JSON key of a field."""
    return field.name.rstrip("_")


def to_json(value: Any) -> Any:
    """A value as what `json.dumps` takes."""
    if is_dataclass(value) and not isinstance(value, type):
        return {key(field): to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {name: to_json(item) for name, item in value.items()}
    return [to_json(item) for item in value] if isinstance(value, tuple | list) else value


def from_json(kind: Any, value: Any, place: str = "") -> Any:
    """A value of this kind, or ValueError with the place, what was wanted and what was found."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _dataclass(kind, value, place)
    if origin in (Union, types.UnionType):
        return from_json(_member(args, value, place), value, place)
    if origin is Literal:
        return _checked(value in args, value, place, " or ".join(map(repr, args)))
    if origin is tuple:
        _checked(isinstance(value, list), value, place, "a list")
        return tuple(from_json(args[0], item, f"{place}[{number}]") for number, item in enumerate(value))
    if origin is Mapping:
        _checked(isinstance(value, dict), value, place, "an object")
        return {name: from_json(args[1], item, _below(place, name)) for name, item in value.items()}
    return _checked(_is(kind, value), value, place, SIMPLE[kind])


def _dataclass(kind: Any, value: Any, place: str) -> Any:
    _checked(isinstance(value, dict), value, place, "an object")
    hints, given = hints_of(kind), {}
    for field in fields(kind):
        if key(field) in value:
            given[field.name] = from_json(hints[field.name], value[key(field)], _below(place, key(field)))
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{_below(place, key(field))} is missing")
    return kind(**given)


def _member(args: tuple[Any, ...], value: Any, place: str) -> Any:
    """The member of a union that a value is of."""
    for kind in args:
        if get_origin(kind) is Literal:
            holds = value in get_args(kind)
        elif kind in SIMPLE:
            holds = _is(kind, value)
        else:
            holds = not isinstance(value, str | int | float | bool | None)
        if holds:
            return kind
    wanted = " or ".join(SIMPLE.get(kind, "an object") for kind in args)
    return _checked(False, value, place, wanted)


def _is(kind: Any, value: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _checked(holds: bool, value: Any, place: str, wanted: str) -> Any:
    if not holds:
        raise ValueError(f"{place or 'the content'}: wanted {wanted}, found {value!r:.80}")
    return value


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else str(name)


@lru_cache(maxsize=64)
def hints_of(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def schema(kind: Any) -> dict[str, Any]:
    """The JSON schema of a kind."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is Any:
        return {}
    if is_dataclass(kind):
        return _object(kind)
    if origin in (Union, types.UnionType):
        return _union([schema(member) for member in args])
    if origin is Literal:
        return {"enum": list(args)} if len(args) > 1 else {"const": args[0]}
    if origin is tuple:
        return {"type": "array", "items": schema(args[0])}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": schema(args[1])}
    return {"type": SIMPLE[kind]}


def _object(kind: Any) -> dict[str, Any]:
    hints, properties = hints_of(kind), {}
    for field in fields(kind):
        about = {"description": field.metadata["text"]} if "text" in field.metadata else {}
        properties[key(field)] = about | schema(hints[field.name])
    return {
        "type": "object",
        "description": kind.__doc__,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _union(members: list[dict[str, Any]]) -> dict[str, Any]:
    if all(set(member) == {"type"} for member in members):
        return {"type": [member["type"] for member in members]}
    return {"anyOf": members}

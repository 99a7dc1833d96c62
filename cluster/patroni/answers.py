"""What a server answers, before anything rests on it: another program may listen there, or a host may be hostile.

A value of another type than Patroni's is treated as missing.
"""

import json
from typing import Any

import httpx

LARGEST = 2**63 - 1


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object that a response is. Raises ValueError."""
    try:
        found = response.json()
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        status = f"HTTP {response.status_code} {response.reason_phrase}".strip()
        raise ValueError(f"not Patroni: wanted a JSON object, found {status}: {response.text.strip()[:40]!r}")
    return found


def object_in(text: str | None) -> dict[str, Any]:
    """The JSON object in a text; an empty one if there is none."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def integer(value: object) -> int | None:
    """An integer of at most 64 bits, else None."""
    return value if type(value) is int and abs(value) <= LARGEST else None


def text(value: object) -> str | None:
    """A string that can be written to a file, else None."""
    if not isinstance(value, str):
        return None
    return value.encode(errors="replace").decode()

"""One thing that the doctor tried."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """Whether it holds (null: there is none of it), what was found, and what needs it."""

    what: str
    ok: bool | None
    found: str
    needed_for: str

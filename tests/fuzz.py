"""What fuzz tests share: any JSON, hostile texts, and how many examples. `make unit` runs few, the same each time.

$FIREDRILL_FUZZ_EXAMPLES runs so many instead, at random: `make soak` does (tests/test_fuzz_soak.py).
"""

import json
import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from firedrill.experiments.judge.contract import check_event

MANY = int(os.environ.get("FIREDRILL_FUZZ_EXAMPLES", "0"))


def few(examples: int) -> settings:
    """The settings of a test with so many examples in `make unit`."""
    return settings(
        max_examples=MANY or examples,
        deadline=None,
        derandomize=not MANY,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


HOSTILE = (
    "", "\0", "\ud800", "a" * 3000, "²", "٣", "../../etc/passwd", "$(reboot)", "`id`", "x; touch /tmp/pwned", "-rf",
    "*",     "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "](javascript:alert(1))", "![x](http://192.0.2.1/x)",
    "|a|b|", "\x1b[2J\x1b]0;owned\x07", "\x9b31m", "\u202eevil\u202c", "\u2066x\u2069", "\u200b", "a\nb", "a\r\nb",
    "{{7*7}}", "{0.__class__}", "%s%n", "NaN", "1e999", "null", "db1", "running", "leader", "primary",
)  # fmt: skip
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=12)
NUMBERS = st.sampled_from((0, -1, 2**31, 2**63, 10**400, 1e308, float("nan"), float("inf"), -0.0)) | st.integers()
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS


def anything(names: tuple[str, ...]) -> st.SearchStrategy:
    """Any value of JSON, with objects that have some of these keys."""
    keys = st.sampled_from(names) | st.text(max_size=4)
    return st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=8
    )


def body(value: object) -> bytes:
    """A value as the body of a response; lone surrogates become escape sequences."""
    return json.dumps(value).encode()


DEEP = b"[" * 100_000
BODIES = (b"", b"\xff\xfe\0", b"<html>", b"{", DEEP, b'"' + b"a" * 100_000 + b'"')


def recorded(source: str, kind: str, host: str | None, fields: dict) -> None:
    """An observer's event can be written, and the judge accepts it."""
    event = {"t": 1_795_000_000 * 10**9, "source": source, "kind": kind, "host": host} | fields
    check_event(event)
    json.dumps(event, allow_nan=False).encode()

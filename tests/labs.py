"""Where the labs of the tests are: each test module has a name and a network of its own.

$FIREDRILL_TEST_LABS, one letter, moves them all, so that two checkouts can be tested at once.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARK = os.environ.get("FIREDRILL_TEST_LABS", "t")
NETWORK = f"10.{80 + ord(MARK) - ord('a')}"


def place(name: str, number: int) -> tuple[str, str]:
    """The name and the network (three octets) of a test's lab."""
    return f"{MARK}-{name}", f"{NETWORK}.{number}"

"""Hosts with only sshd and Python, shared by the tests that deploy to any; one of them is no member of the cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.labs import place

STRANGER = """
monitor = [_host("stranger", 91)]
all = (all[0] + monitor, all[1])
for _one in all[0]:
    _one[1]["monitored"] = False
"""


@pytest.fixture(scope="package")
def inventory(like_lab, lab_up) -> Iterator[Path]:
    """The inventory file of a lab of bare hosts: the compact cluster's, and `stranger`."""
    file = like_lab(*place("bare"), source="compact")
    file.write_text(file.read_text() + STRANGER)
    with lab_up(file, "--bare"):
        yield file

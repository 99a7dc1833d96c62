"""docs/own-machines.md documents the inventory keys that the code accepts, with the right ports."""

import re
from pathlib import Path

from firedrill.inventories import keys
from firedrill.inventories.read import defaults

DOC = (Path(__file__).resolve().parents[2] / "docs/own-machines.md").read_text()
SECTION = DOC.split("## Inventory keys")[1]
DOCUMENTED = {
    key
    for row in re.findall(r"^\| (`[a-z].*?) \|", SECTION, re.MULTILINE)
    for key in re.findall(r"`([a-z_0-9]+)`", row)
}
# Defaults that a user has no reason to change; group_data/all.py explains them.
INTERNAL = {"deadlines", "exporter_packages", "packages", "read_lag"}


def test_each_documented_key_is_known():
    assert defaults().keys() | set(keys.OPTIONAL) >= DOCUMENTED


def test_each_key_is_documented():
    optional = {key for key in keys.OPTIONAL if not key.startswith(("ssh_", "fake_"))}
    assert (optional | defaults().keys()) - INTERNAL <= DOCUMENTED


def test_ports_and_entries_are_documented():
    ports = dict(re.findall(r"`([a-z_]+)` (\d+)", SECTION.split("Entries of `ports`")[1]))
    assert {name: int(port) for name, port in ports.items()} == defaults()["ports"]
    for name in keys.ENTRIES["power"]:
        assert f"`{name}`" in SECTION

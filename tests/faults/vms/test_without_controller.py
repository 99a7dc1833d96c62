"""What takes a kernel of the host's own heals by itself when its controller was killed."""

import pytest

from firedrill.faults import ledger
from tests.faults.conftest import journals, until

pytestmark = pytest.mark.lab("vms")
LIMIT = 20
WANTED = (
    ("duplicate", {"peers": "db2", "ports": "5432"}),
    ("reorder", {"peers": "db2", "ports": "2379"}),
    ("rate", {"peers": "db2", "ports": "2380"}),
    ("clock_drift", {"ppm": 50_000}),
)


def test_all_heal_by_themselves(controller, ways, on, heal, told):
    child = controller(*([name, given, "db1", LIMIT] for name, given in WANTED))
    line = ""
    for line in child.stdout:
        if line == "done\n":
            break
    child.kill()
    assert line == "done\n"
    until(lambda: journals(on, "db1") == "", LIMIT + 15)
    assert on("db1", "tc qdisc show | grep -c netem") == "0"
    left = ledger.entries(ways.inventory)
    assert len(left) == len(WANTED)
    heal(left)
    assert any("the clock is right within" in said for said in told.of("clean"))

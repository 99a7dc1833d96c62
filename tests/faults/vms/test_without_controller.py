"""What takes a kernel of the host's own heals by itself when its controller was killed."""

import pytest

from firedrill.faults import ledger
from tests.faults.conftest import journals, until

pytestmark = pytest.mark.lab("vms")
LIMIT = 20
WANTED = (
    ("duplicate", {"peers": "db2", "ports": "5432"}, "db1"),
    ("reorder", {"peers": "db2", "ports": "2379"}, "db1"),
    ("rate", {"peers": "db2", "ports": "2380"}, "db1"),
    ("clock_drift", {"ppm": 50_000}, "db1"),
    ("storage_hang", {}, "db1"),
    ("storage_read_only", {}, "db2"),
)


def test_all_heal_by_themselves(controller, ways, on, heal, told):
    child = controller(*([name, given, host, LIMIT] for name, given, host in WANTED))
    line = ""
    for line in child.stdout:
        if line == "done\n":
            break
    child.kill()
    assert line == "done\n"
    for host in ("db1", "db2"):
        until(lambda host=host: journals(on, host) == "", LIMIT + 15)
        assert on(host, "touch /var/lib/postgresql/x && rm /var/lib/postgresql/x && echo written") == "written"
    assert on("db1", "tc qdisc show | grep -c netem") == "0"
    left = ledger.entries(ways.inventory)
    assert len(left) == len(WANTED)
    heal(left)
    assert any("the clock is right within" in said for said in told.of("clean"))

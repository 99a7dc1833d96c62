"""Storage that hangs or turns read-only, on hosts whose data has a file system of its own."""

import pytest

from firedrill.faults.protocol import Refused
from tests.faults.conftest import journals, until

pytestmark = pytest.mark.lab("vms")
DATA = "/var/lib/postgresql"
# What a write comes to within a second; one that hangs is left behind, and ends with the fault.
WRITE = (
    f"(touch {DATA}/probe 2>/dev/null && echo written || echo refused) </dev/null >/run/probe 2>/dev/null & sleep 1; "
    "cat /run/probe; grep -q . /run/probe || echo hangs"
)
READ = f"ls -d {DATA}/lost+found"


@pytest.mark.parametrize(("name", "write", "said"), [
    ("storage_hang", "hangs", f"a write to {DATA} (ext4 on /dev/ubdc) waits for 1 s and more"),
    ("storage_read_only", "refused", f"a write to {DATA} (ext4 on /dev/ubdc) fails: Read-only file system"),
])  # fmt: skip
def test_it_bites_and_heals(inject, heal, told, on, name, write, said):
    """Writes to the data do not go through, reads and the rest of the host do; also with a process that uses it."""
    assert on("db1", WRITE) == "written"
    on("db1", f"cd {DATA} && (sleep 300 >/dev/null 2>&1 </dev/null &)")
    entries = inject(name, "db1")
    assert said in told.of("effective")[0]
    assert on("db1", WRITE) == write
    assert on("db1", f"{READ}; touch /root/x && echo written") == f"{DATA}/lost+found\nwritten"
    heal(entries)
    assert f"{DATA} takes writes; all as before" in told.of("clean")[0]
    until(lambda: on("db1", WRITE) == "written", 5)
    assert journals(on, "db1") == ""
    on("db1", f"pkill -x sleep; rm -f {DATA}/probe")


@pytest.mark.parametrize("name", ["storage_hang", "storage_read_only"])
def test_a_file_system_that_the_undo_needs_is_refused(inject, name):
    with pytest.raises(Refused, match="/var/log is on / .*, which SSH and the undo need for /, /etc"):
        inject(name, "db1", path="/var/log")


def test_a_file_system_in_memory_is_refused(inject):
    with pytest.raises(Refused, match="held in memory"):
        inject("storage_hang", "db1", path="/run")


@pytest.mark.parametrize("name", ["storage_hang", "storage_read_only"])
def test_what_somebody_else_has_frozen_is_refused_and_stays_frozen(inject, on, name):
    on("db1", f"fsfreeze -f {DATA}")
    try:
        with pytest.raises(Refused, match="waits already"):
            inject(name, "db1")
        assert on("db1", WRITE) == "hangs"
    finally:
        on("db1", f"fsfreeze -u {DATA}; sleep 0.5; rm -f {DATA}/probe")


def test_one_that_is_mounted_twice_cannot_be_mounted_anew(inject, on):
    on("db1", f"mkdir -p /mnt/more && mount --bind {DATA} /mnt/more")
    try:
        with pytest.raises(Refused, match="is mounted 2 times"):
            inject("storage_read_only", "db1")
    finally:
        on("db1", "umount /mnt/more")

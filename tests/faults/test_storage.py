"""Which file systems may fail: what findmnt shows, and what is refused. tests/faults/vms tries it on hosts."""

from types import SimpleNamespace

import pytest

from firedrill.faults.protocol import Refused, Target
from firedrill.faults.resource import storage

ROOT = "259:1 ext4 /dev/vda1 / rw,relatime"
DATA = r"259:2 ext4 /dev/mapper/vg-pg /srv/my\x20data rw,noatime"
# Another file system of the same device, as two subvolumes are.
LOGS = "259:2 ext4 /dev/mapper/vg-pg /var/log rw,noatime"


@pytest.fixture
def target(monkeypatch) -> Target:
    monkeypatch.setattr(storage.capability, "need", lambda *_: None)
    monkeypatch.setattr(storage.disk, "refuse_none", lambda *_: None)
    return Target("0" * 8, "db1", SimpleNamespace(name="db1"), None, 60, SimpleNamespace())


def shows(monkeypatch, *lines: str) -> None:
    monkeypatch.setattr(storage.ssh, "script", lambda *_, **__: "\n".join(lines))


def test_a_mount_is_read_with_the_spaces_in_its_name(target, monkeypatch):
    shows(monkeypatch, DATA, *[ROOT] * len(storage.OTHERS))
    mount = storage.of_its_own(target, "/srv/my data/main")
    assert (mount.target, mount.source, mount.options) == ("/srv/my data", "/dev/mapper/vg-pg", "rw,noatime")


@pytest.mark.parametrize(("line", "others", "said"), [
    (ROOT, [ROOT] * 9, "which SSH and the undo need for /, /etc"),
    (DATA, [ROOT] * 7 + [LOGS, ROOT], "which SSH and the undo need for /var/log"),
    ("", [ROOT] * 9, "no mount holds /srv"),
    ("nonsense", [ROOT] * 9, "no mount holds /srv"),
    (DATA, [ROOT] * 3, "4 mounts of 10 paths"),
])  # fmt: skip
def test_what_others_need_or_what_is_not_known_is_refused(target, monkeypatch, line, others, said):
    shows(monkeypatch, line, *others)
    with pytest.raises(Refused, match=said):
        storage.of_its_own(target, "/srv")

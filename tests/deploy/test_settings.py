"""What is compared and computed on the way to the hosts."""

import base64
import hashlib
import hmac
import io
import re
import tarfile

import pytest

from firedrill.deploy.database import verifier
from firedrill.deploy.operations.files import FileStates, HostFile, archive
from firedrill.deploy.settings import difference, merged, refuse_unsafe


@pytest.mark.parametrize(
    ("found", "wanted", "patch"),
    [
        ({"ttl": 20}, {"ttl": 20}, {}),
        ({"ttl": 30, "pause": True}, {"ttl": 20}, {"ttl": 20}),
        ({}, {"failsafe_mode": False}, {"failsafe_mode": False}),
        (
            {"postgresql": {"use_slots": True, "parameters": {"a": 1, "b": 2}}},
            {"postgresql": {"use_slots": True, "parameters": {"a": 1, "b": 3}}},
            {"postgresql": {"parameters": {"b": 3}}},
        ),
        ({"postgresql": None}, {"postgresql": {"parameters": {"a": 1}}}, {"postgresql": {"parameters": {"a": 1}}}),
    ],
)
def test_only_what_differs_is_patched(found, wanted, patch):
    assert difference(found, wanted) == patch


def test_a_verifier_proves_the_password_and_is_the_same_each_time():
    made = verifier("secret", "firedrill")
    assert made == verifier("secret", "firedrill") != verifier("secret", "weather")
    salt, stored, server = re.fullmatch(r"SCRAM-SHA-256\$4096:([^$]+)\$([^:]+):(.+)", made).groups()
    salted = hashlib.pbkdf2_hmac("sha256", b"secret", base64.b64decode(salt), 4096)
    client_key = hmac.new(salted, b"Client Key", "sha256").digest()
    assert base64.b64decode(stored) == hashlib.sha256(client_key).digest()
    assert base64.b64decode(server) == hmac.new(salted, b"Server Key", "sha256").digest()
    assert "secret" not in made


def test_files_travel_with_their_mode_and_owner():
    packed = archive([HostFile("/etc/a/b.conf", "ü\n", mode=0o640, group="postgres")])
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed))) as tar:
        (entry,) = tar.getmembers()
        assert (entry.name, entry.mode, entry.uname, entry.gname) == ("etc/a/b.conf", 0o640, "root", "postgres")
        assert tar.extractfile(entry).read().decode() == "ü\n"


def test_a_file_that_is_right_reads_as_it_should_be():
    file = HostFile("/etc/a b.conf", "x", mode=0o600)
    said = f"{hashlib.sha256(b'x').hexdigest()} 600 root root /etc/a b.conf"
    assert FileStates().process([said]) == {"/etc/a b.conf": file.state}


def test_the_content_of_a_file_is_not_in_its_repr():
    assert "secret" not in repr(HostFile("/etc/x", "secret"))

"""The hash of the statistics' password. HAProxy compares it with crypt(3), which knows bcrypt."""

import bcrypt
import pytest

from firedrill.deploy.haproxy import hashed


@pytest.mark.parametrize("password", ["x", "correct horse battery staple", "ü" * 50, "long" * 40])
def test_the_hash_fits_and_every_run_gives_the_same(password):
    first = hashed(password)
    assert first == hashed(password)
    assert bcrypt.checkpw(password.encode()[:72], first.encode())


def test_another_password_has_another_salt_and_hash():
    one, two = hashed("one"), hashed("two")
    assert one[7:29] != two[7:29] and one[29:] != two[29:]

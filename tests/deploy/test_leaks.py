"""What looks for passwords finds them in every form."""

import base64
from urllib.parse import quote

import pytest

from tests.deploy import leaks

SECRET = "pw+/ of 24 characters: x"


@pytest.mark.parametrize("around", range(7))
@pytest.mark.parametrize("form", [bytes, base64.b64encode, lambda content: quote(content).encode(), bytes.hex])
def test_a_secret_is_found_in_every_form_and_place(form, around):
    content = form(b"u" * around + SECRET.encode() + b"v" * (6 - around))
    content = content.encode() if isinstance(content, str) else content
    assert leaks.found_in(b"before " + content, {"own": SECRET, "other": "something else"}) == ["own"]

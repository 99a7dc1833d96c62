"""Remove passwords from text that is recorded."""

import re

from firedrill.inventories.access import Access

HIDDEN = "•••"
QUOTED = r"('[^']*'|\"[^\"]*\")"
SECRET = re.compile(
    rf"(?i)(passw(?:or)?d['\"]?\s*[=:]\s*|authorization['\"]?:\s*['\"]?\w+\s+|scram-sha-256\$)({QUOTED}|\S+)"
    rf"|(password\s+){QUOTED}"
)
CREDENTIALS = re.compile(r"(://[^/\s:@]+:)[^@\s]+@")


def redacted(text: str, access: Access) -> str:
    """The text without any password of this cluster, and without what looks like one."""
    for secret in sorted(access.secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return CREDENTIALS.sub(rf"\1{HIDDEN}@", SECRET.sub(lambda m: f"{m[1] or m[4]}{HIDDEN}", text))

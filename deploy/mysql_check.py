"""The bytes of HAProxy's check of a member of a MySQL group: a login and one query, in MySQL's own protocol.

HAProxy sends bytes and looks for a text in the answer, so role, majority and read-only state are one SQL expression
that returns YES or NO. The account has no password and may see the list of members only.
"""

import struct

USER = "haproxy_check"
YES = "FD-YES"
# LONG_PASSWORD, PROTOCOL_41, SECURE_CONNECTION, PLUGIN_AUTH, DEPRECATE_EOF
CAPABILITIES = 0x1 | 0x200 | 0x8000 | 0x80000 | 0x1000000
MAX_PACKET = 1 << 24
CHARSET = 255  # utf8mb4_0900_ai_ci
MEMBERS = "performance_schema.replication_group_members"


def packet(sequence: int, body: bytes) -> str:
    """A packet of MySQL's protocol, in hex."""
    return (struct.pack("<I", len(body))[:3] + bytes([sequence]) + body).hex()


def login() -> str:
    """The answer to the server's greeting: USER without a password."""
    fixed = struct.pack("<IIB", CAPABILITIES, MAX_PACKET, CHARSET) + bytes(23)
    return packet(1, fixed + f"{USER}\0\0caching_sha2_password\0".encode())


def query(role: str, *, read_only: bool) -> str:
    """YES from a member with this role that sees a majority."""
    mine = f"SUM(member_id=@@server_uuid AND member_state='ONLINE' AND member_role='{role}')=1"
    majority = "SUM(member_state='UNREACHABLE')*2<COUNT(*)"
    condition = f"{majority} AND {mine} AND @@super_read_only={int(read_only)}"
    return packet(0, b"\x03" + f"SELECT IF({condition},'{YES}','FD-NO') a FROM {MEMBERS}".encode())


STEPS = {
    "login": login(),
    "primary": query("PRIMARY", read_only=False),
    "secondary": query("SECONDARY", read_only=True),
    "quit": packet(0, b"\x01"),
    "yes": YES,
}

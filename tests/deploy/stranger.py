"""Attacks on a cluster from a host that is no member, with Python's standard library alone.

`python3 - JSON <stranger.py` prints {attack: what came of it}; "refused: ..." is what each of them must come to.
"""

import base64
import hashlib
import hmac
import http.client
import json
import secrets
import socket
import ssl
import struct
import sys

SECONDS = 3
# What ran a command as postgres on a database host: PostgreSQL executes the archive command.
OWNED = {"postgresql": {"parameters": {"archive_mode": "on", "archive_command": "touch /tmp/owned"}}}
USERS = ("postgres", "replicator", "rewinder", "weather", "firedrill")


class Refused(Exception):
    """The other end did not do it."""


def trusting():
    """An attacker verifies nothing, and has no certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def http_(tls, address, port, method, path, body=None, headers=None):
    """Ask; raises Refused unless the request was carried out, or answered with more than a refusal."""
    kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
    more = {"context": trusting()} if tls else {}
    link = kind(address, port, timeout=SECONDS, **more)
    try:
        link.request(method, path, json.dumps(body) if body is not None else None, headers or {})
        answer = link.getresponse()
        text = answer.read(300).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise Refused(f"{type(error).__name__}: {error}") from None
    finally:
        link.close()
    if answer.status in (401, 403) or (answer.status == 400 and "HTTPS server" in text):
        raise Refused(f"HTTP {answer.status} {text[:80]}")
    return f"HTTP {answer.status} {text[:80]}"


def coded(text):
    return base64.b64encode(text.encode()).decode()


def etcd_attacks(prefix):
    everything = {"key": coded(prefix), "range_end": coded(prefix[:-1] + "0")}
    yield "read", "POST", "/v3/kv/range", everything
    yield "write", "POST", "/v3/kv/put", {"key": coded("/stranger"), "value": coded("here")}
    yield "command", "POST", "/v3/kv/put", {"key": coded(prefix + "config"), "value": coded(json.dumps(OWNED))}
    yield "delete leader", "POST", "/v3/kv/deleterange", {"key": coded(prefix + "leader")}
    yield "users", "POST", "/v3/auth/user/list", {}
    yield "members", "POST", "/v3/cluster/member/list", {}
    yield "metrics", "GET", "/metrics", None


def patroni_attacks(leader, other):
    yield "switchover", "POST", "/switchover", {"leader": leader, "candidate": other}
    yield "failover", "POST", "/failover", {"candidate": other}
    yield "restart", "POST", "/restart", {}
    yield "reload", "POST", "/reload", {}
    yield "reinitialize", "POST", "/reinitialize", {"force": True}
    yield "patch config", "PATCH", "/config", OWNED
    yield "put config", "PUT", "/config", OWNED


def message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


def receive(link):
    """One message of PostgreSQL: its kind and its body."""
    head = b""
    while len(head) < 5:
        if not (piece := link.recv(5 - len(head))):
            raise Refused("closed")
        head += piece
    length = struct.unpack("!i", head[1:])[0] - 4
    body = b""
    while len(body) < length:
        if not (piece := link.recv(length - len(body))):
            raise Refused("closed")
        body += piece
    if head[:1] == b"E":
        fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
        raise Refused(f"{fields[b'C']} {fields[b'M']}")
    return head[:1], body


def postgres(tls, address, port, user, password, database="weather", replication=None):
    """Log in. Raises Refused with the SQLSTATE."""
    try:
        link = socket.create_connection((address, port), SECONDS)
        if tls:
            link.sendall(struct.pack("!ii", 8, 80877103))
            if link.recv(1) != b"S":
                raise Refused("no TLS")
            link = trusting().wrap_socket(link)
        names = {"user": user, "database": database} | ({"replication": replication} if replication else {})
        body = b"".join(part.encode() + b"\0" for pair in names.items() for part in pair) + b"\0"
        link.sendall(struct.pack("!ii", len(body) + 8, 196608) + body)
        return scram(link, password)
    except OSError as error:
        raise Refused(f"{type(error).__name__}: {error}") from None


def scram(link, password):
    """Answer whatever PostgreSQL asks for. Returns only if it lets us in."""
    _, body = receive(link)
    if body[:4] == b"\0\0\0\0":
        return "let in without a password"
    if body[:4] != b"\0\0\0\x0a":
        return f"asks for another authentication than SCRAM: {body[:4]!r}"
    nonce = secrets.token_hex(12)
    first = f"n=,r={nonce}"
    initial = f"n,,{first}".encode()
    link.sendall(message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(initial)) + initial))
    _, body = receive(link)
    challenge = body[4:].decode()
    given = dict(part.split("=", 1) for part in challenge.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(given["s"]), int(given["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    last = f"c=biws,r={given['r']}"
    signed = hmac.digest(hashlib.sha256(key).digest(), f"{first},{challenge},{last}".encode(), "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signed, strict=True))).decode()
    link.sendall(message(b"p", f"{last},p={proof}".encode()))
    receive(link)
    return "the password was accepted"


def attempts(it):
    """Each attack: its name, and a function that carries it out."""
    for tls in (False, True):
        way = "tls" if tls else "plain"
        for host, address in it["etcd"].items():
            for name, *request in etcd_attacks(it["prefix"]):
                yield f"etcd {name}", (http_, tls, address, it["ports"]["etcd"], *request), f"{host} {way}"
            peers = (http_, tls, address, it["ports"]["etcd_peer"], "GET", "/members")
            yield "etcd peers", peers, f"{host} {way}"
        for host, address in it["postgres"].items():
            other = next(name for name in it["postgres"] if name != host)
            for name, *request in patroni_attacks(host, other):
                target = (http_, tls, address, it["ports"]["patroni"], *request)
                yield f"patroni {name}", target, f"{host} {way}"
                wrong = {"Authorization": f"Basic {coded('patroni:wrong')}"}
                yield f"patroni {name}", (*target, wrong), f"{host} {way} wrong password"
            for user in USERS:
                direct = (postgres, tls, address, it["ports"]["postgres"], user)
                yield "postgres login", (*direct, "wrong"), f"{host} {way} {user}"
                yield "postgres login", (*direct, "", "postgres"), f"{host} {way} {user} no password"
                yield "postgres replication", (*direct, "wrong", "", "true"), f"{host} {way} {user}"
        for host, address in it["proxy"].items():
            for port in ("write", "read"):
                for user in USERS:
                    through = (postgres, tls, address, it["ports"][port], user)
                    yield "postgres through a proxy", (*through, "wrong"), f"{host} {way} {user}"
                    yield "postgres through a proxy", (*through, ""), f"{host} {way} {user} no password"
            for path in ("/stats", "/stats;csv"):
                request = (http_, tls, address, it["ports"]["haproxy_stats"], "GET", path)
                yield "haproxy stats", request, f"{host} {way}"


def main():
    found = {}
    for name, (attack, *arguments), detail in attempts(json.loads(sys.argv[1])):
        try:
            came = attack(*arguments)
        except Refused as refused:
            came = f"refused: {refused}"
        found.setdefault(name, {})[detail] = came
    print(json.dumps(found))


main()

#!/usr/bin/python3
"""firedrill-check: whether a state of the cluster holds, as seen from this host. Installed by Firedrill's deploy.

    firedrill-check leader '{"url": "http://10.77.0.21:8008"}' [--seconds 30 --service patroni]

Exits 0 if it holds. Otherwise, after --seconds, exits 1 and reports what it waited for, for how long, what it found
last, and the last error lines of the service's journal.
"""

import argparse
import base64
import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import time
from urllib.parse import urlsplit

POLL = 0.25
TIMEOUT = 2
TLS = "/etc/firedrill/tls"
CA = f"{TLS}/ca.crt"
MYSQL_TLS = 0x800
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
ERROR = re.compile(r"error|fatal|panic|fail|refused|cannot|can not|could not|denied|no space|timed out|unhealthy", re.I)
STANDBYS = ("replica", "sync_standby", "quorum_standby")


class NotYet(Exception):
    """The state does not hold; the text is what was found."""


def connect(parts, role):
    """A connection for one request; with https, a server that proves its name to the cluster's CA. Raises OSError.

    `role`: of the certificate that this host shows, if the server asks for one.
    """
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=CA)
        if role:
            context.load_cert_chain(f"{TLS}/{role}.crt", f"{TLS}/{role}.key")
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=TIMEOUT, context=context)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)


def fetch(url, role=None, **headers):
    """Status and body of a GET. Raises NotYet if nothing answers."""
    parts = urlsplit(url)
    try:
        with contextlib.closing(connect(parts, role)) as connection:
            connection.request("GET", parts.path or "/", headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotYet(f"{url}: {error or type(error).__name__}") from None


def fetch_json(url, role=None):
    """The decoded body of a GET. Raises NotYet unless it answers 200 with JSON."""
    status, body = fetch(url, role)
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if status != 200 or value is None:
        raise NotYet(f"{url}: HTTP {status} {body[:120]!r}")
    return value


def quorum(url):
    """etcd has a quorum: its health check commits a proposal."""
    found = fetch_json(f"{url}/health", "etcd")
    if str(found.get("health")).lower() != "true":
        raise NotYet(f"etcd is not healthy ({found.get('reason') or 'no reason given'})")


def members(url):
    """Patroni's view of the cluster: {name: (role, state)}."""
    found = fetch_json(f"{url}/cluster").get("members", [])
    return {one["name"]: (one.get("role"), one.get("state")) for one in found}


def listed(found):
    return ", ".join(f"{name} {role} {state}" for name, (role, state) in sorted(found.items())) or "no members"


def leader(url):
    """The cluster has a running leader."""
    found = members(url)
    if ("leader", "running") not in found.values():
        raise NotYet(f"no running leader: {listed(found)}")


def streaming(url, member, urls):
    """This member is the leader, or streams from it."""
    found = members(url)
    role, state = found.get(member, (None, None))
    if role in STANDBYS and state == "running" and member in streams(found, urls):
        state = "streaming"
    if not (role == "leader" and state == "running") and not (role in STANDBYS and state == "streaming"):
        raise NotYet(f"{member} is {role or 'no member'} {state or ''}".strip())


def streams(found, urls):
    """The members that the leader's PostgreSQL streams to. Patroni 3.0 reports every replica as `running`."""
    leaders = [urls[name] for name, (role, _) in found.items() if role == "leader" and name in urls]
    rows = fetch_json(f"{leaders[0]}/patroni").get("replication") if leaders else []
    return [one.get("application_name") for one in rows or [] if one.get("state") == "streaming"]


def standby(url):
    """A replica is a sync standby."""
    found = members(url)
    if not any(role in ("sync_standby", "quorum_standby") for role, _ in found.values()):
        raise NotYet(f"no sync standby: {listed(found)}")


def postgres(address, port, tls=False):
    """PostgreSQL answers behind this port (a proxy without a server accepts connections, and sends nothing)."""
    try:
        with socket.create_connection((address, port), TIMEOUT) as connection:
            connection.sendall(SSL_REQUEST)
            answer = connection.recv(1)
            if tls and answer == b"S":
                ssl.create_default_context(cafile=CA).wrap_socket(connection, server_hostname=address).close()
    except OSError as error:
        raise NotYet(f"{address}:{port}: {error}") from None
    if answer not in (b"S", b"N"):
        raise NotYet(f"{address}:{port}: no PostgreSQL answers")
    if tls and answer == b"N":
        raise NotYet(f"{address}:{port}: PostgreSQL has no TLS")


def mysql(address, port, tls=False):
    """MySQL answers behind this port, and offers TLS: its greeting, in protocol version 10, comes first."""
    try:
        with socket.create_connection((address, port), TIMEOUT) as connection:
            greeting = connection.recv(512)
    except OSError as error:
        raise NotYet(f"{address}:{port}: {error}") from None
    if greeting[4:5] != b"\x0a":
        raise NotYet(f"{address}:{port}: no MySQL answers")
    # After the server's version: the connection's number, 8 bytes for the login, a zero, the capabilities.
    capabilities = greeting[5:].partition(b"\0")[2][13:15]
    if tls and not int.from_bytes(capabilities, "little") & MYSQL_TLS:
        raise NotYet(f"{address}:{port}: MySQL does not offer TLS")


def group():
    """What the servers of the group report: {name: {state, role, majority}}, this one as `me`."""
    command = ["/usr/local/sbin/firedrill-group", "look"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotYet((done.stderr.strip() or "no message").splitlines()[-1])
    return json.loads(done.stdout)


def group_listed(found):
    states = {name: row.get("error") or f"{row['state']} {row['role']}".strip() for name, row in found.items()}
    causes = {row["why"] for row in found.values() if row.get("why")}
    return "; ".join([", ".join(f"{name} {state}" for name, state in states.items()), *causes])


def group_primary():
    """The group has a primary in its majority."""
    found = group()
    if not any(row.get("majority") and (row["state"], row["role"]) == ("ONLINE", "PRIMARY") for row in found.values()):
        raise NotYet(
            f"no primary: {group_listed(found)}; after a total outage: firedrill-group bootstrap, on one server"
        )


def group_member():
    """This server is online in the group."""
    found = group()
    if found["me"].get("state") != "ONLINE":
        raise NotYet(group_listed(found))


def app(url):
    """The app answers, and reaches its database for reads and writes."""
    found = fetch_json(url).get("database", {})
    if missing := [name for name in ("write", "read") if not found.get(name)]:
        raise NotYet(f"{url}: the database does not answer for {' and '.join(missing)}s")


def fence():
    """the fence agent works: it reaches etcd, and can do its part"""
    environment = dict(os.environ, PYTHONPATH="/usr/local/lib/firedrill", PYTHONDONTWRITEBYTECODE="1")
    command = ["/usr/bin/python3", "-m", "firedrill.fence", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise NotYet((done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1])


def monitor(url, password_file):
    """Prometheus or Alertmanager is ready for whoever has its password."""
    with open(password_file) as file:
        login = base64.b64encode(f"firedrill:{file.read()}".encode()).decode()
    status, _ = fetch(url, Authorization=f"Basic {login}")
    if status != 200:
        raise NotYet(f"{url}: HTTP status {status}")


CHECKS = {
    "quorum": quorum,
    "leader": leader,
    "streaming": streaming,
    "standby": standby,
    "postgres": postgres,
    "mysql": mysql,
    "group_primary": group_primary,
    "group_member": group_member,
    "app": app,
    "fence": fence,
    "monitor": monitor,
}


def poll(check, arguments, seconds):
    """Run a check until it holds (returns None) or the time has passed (returns what was found last)."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            check(**arguments)
        except NotYet as found:
            last = str(found)
        else:
            return None
        if time.monotonic() >= deadline:
            return last
        time.sleep(POLL)


def explain(service, lines=8):
    """The last error lines of a unit's journal, or its last lines if there is no error."""
    command = ["journalctl", "--unit", service, "--lines", "400", "--output", "cat", "--no-pager", "--quiet"]
    journal = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    errors = [line for line in journal if ERROR.search(line)]
    return (errors or journal)[-lines:]


def main():
    parser = argparse.ArgumentParser(prog="firedrill-check", description=__doc__.splitlines()[0])
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("arguments", type=json.loads, help="a JSON object")
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--service")
    options = parser.parse_args()
    check = CHECKS[options.check]
    last = poll(check, options.arguments, options.seconds)
    if last is None:
        return 0
    where = socket.gethostname()
    print(
        f"{where}: waited {options.seconds:g} s for: {(check.__doc__ or '').split(': ')[0].rstrip('.')}",
        file=sys.stderr,
    )
    print(f"{where}: found last: {last}", file=sys.stderr)
    for line in explain(options.service) if options.service else []:
        print(f"{where}: {options.service}: {line}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())

"""What still passes between this host and others: `links.py JSON` prints JSON.

Given are `probe`, pairs of an address and a port (0: a ping); `far`, addresses and networks of the others, and `spared`
ones; `ports` that are looked at (none: all) and `exempt`; `seconds`. Printed are `answers`, how each probe ended;
`alive`, established TCP connections on which packets arrived meanwhile; `connections`, how many of them there are, or
null where the kernel does not count packets.
"""

import contextlib
import errno
import ipaddress
import json
import re
import selectors
import socket
import subprocess
import sys
import time
from typing import Any

LIST = ("ss", "-tinH", "state", "established")
DISCARD = 9
PASSED = ("connected", "answered")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def end(text: str) -> tuple[Address, int]:
    """(address, port) of `[::ffff:10.0.0.1]%eth0:5432`."""
    host, _, port = text.rpartition(":")
    address = ipaddress.ip_address(host.split("%")[0].strip("[]"))
    return getattr(address, "ipv4_mapped", None) or address, int(port)


def connections(given: dict[str, Any]) -> dict[str, int]:
    """Packets received so far by each established TCP connection with the others."""
    found: dict[str, int] = {}
    key = None
    for line in listed().splitlines():
        if line.strip() and not line[0].isspace():
            near, far = (end(word) for word in line.split()[2:4])
            name = f"{near[0]} port {near[1]}, {far[0]} port {far[1]}"
            key = name if wanted(given, far[0], near[1], far[1]) else None
        if key and (count := re.search(r" segs_in:(\d+)", line)):
            found[key] = int(count[1])
    return found


def listed() -> str:
    """Nothing where there is no `ss`."""
    try:
        return subprocess.run(LIST, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def wanted(given: dict[str, Any], far: Address, *ports: int) -> bool:
    """Whether a connection is with the others, and on the ports that are looked at."""
    if not within(far, given["far"]) or within(far, given["spared"]) or set(ports) & set(given["exempt"]):
        return False
    return not given["ports"] or bool(set(ports) & set(given["ports"]))


def far_of(key: str) -> str:
    """The other end's address of a key of `connections`."""
    return key.rpartition(", ")[2].split(" ")[0]


def own(address: str) -> bool:
    """Whether this host has the address by now: a floating one may have moved here.

    The kernel is asked for its route, since with `ip_nonlocal_bind` a program may bind to any address.
    """
    try:
        words = ("ip", "-o", "route", "get", address)
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.startswith("local ")
    except OSError:
        return False


def within(address: Address, networks: list[str]) -> bool:
    return any(address in ipaddress.ip_network(network) for network in networks)


def counts() -> bool:
    """Whether the kernel counts a connection's packets: tried with one of our own."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        return "segs_" in listed()


def connect(pairs: list[tuple[str, int]], seconds: float) -> list[list[Any]]:
    """How each connection ended: [address, port, connected or silence or the error's name, milliseconds]."""
    waiting, began = selectors.DefaultSelector(), time.monotonic()
    answers = []
    for address, port in pairs:
        link = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        link.setblocking(False)
        code = link.connect_ex((address, port))
        if code in (0, errno.EINPROGRESS):
            waiting.register(link.detach(), selectors.EVENT_WRITE, (address, port))
        else:
            answers.append([address, port, outcome(code), passed(began)])
    while waiting.get_map() and (left := began + seconds - time.monotonic()) > 0:
        for key, _ in waiting.select(left):
            with socket.socket(fileno=key.fd) as link:
                code = link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                waiting.unregister(key.fd)
            answers.append([*key.data, outcome(code), passed(began)])
    return answers + [[*key.data, "silence", passed(began)] for key in waiting.get_map().values()]


def outcome(code: int) -> str:
    return {0: "connected", errno.ETIMEDOUT: "silence"}.get(code) or errno.errorcode.get(code, "error")


def passed(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def ping(address: str) -> "subprocess.Popen[bytes] | None":
    """Start a few pings; where there is no `ping`, send a datagram that nobody answers."""
    words = ("ping", "-n", "-q", "-c", "3", "-i", "0.05", "-W", "0.3", address)
    try:
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.setblocking(False)
            with contextlib.suppress(OSError):
                link.sendto(b"", (address, DISCARD))
        return None


def answered(started: "subprocess.Popen[bytes] | None") -> str:
    return "answered" if started and not started.wait() else "silence"


def look(given: dict[str, Any]) -> dict[str, Any]:
    began = time.monotonic()
    before = (connections(given) if counts() else None) if given["far"] else {}
    pings = [(address, ping(address)) for address, port in given["probe"] if not port]
    answers = connect([(address, port) for address, port in given["probe"] if port], given["seconds"])
    answers += [[address, 0, answered(started), passed(began)] for address, started in pings]
    answers = [row for row in answers if row[2] not in PASSED or not own(row[0])]
    if before:
        time.sleep(max(0.0, began + given["seconds"] - time.monotonic()))
    after = connections(given) if before else {}
    alive = [key for key, count in (before or {}).items() if after.get(key, count) > count and not own(far_of(key))]
    return {"answers": answers, "alive": alive, "connections": None if before is None else len(before)}


if __name__ == "__main__":
    print(json.dumps(look(json.loads(sys.argv[1]))))

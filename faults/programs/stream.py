"""Datagrams from one host to another, numbered and with known content: what happens to them in transit.

`stream.py send ADDRESS PORT FROM_PORT COUNT SIZE SECONDS` (FROM_PORT 0: any; spread over SECONDS)
`stream.py listen PORT SIZE QUIET` (PORT 0: any) prints its port, and after QUIET seconds without a datagram, as JSON,
what arrived.

They carry no checksum, so that corrupted ones arrive.
"""

import contextlib
import json
import socket
import sys
import time

SO_NO_CHECK = 11
UDP_NO_CHECK6_TX, UDP_NO_CHECK6_RX = 101, 102
FIRST_SECONDS = 4


def body(number: int, size: int) -> bytes:
    return number.to_bytes(4, "big") + bytes(at * 37 % 251 for at in range(size - 4))


def send(address: str, port: int, source: int, count: int, size: int, seconds: float) -> None:
    link = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    link.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    if link.family == socket.AF_INET6:
        link.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_TX, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    link.bind(("", source))
    began = time.monotonic()
    for number in range(count):
        with contextlib.suppress(OSError):
            link.sendto(body(number, size), (address, port))
        time.sleep(max(0.0, began + seconds * (number + 1) / count - time.monotonic()))


def listen(port: int, size: int, quiet: float) -> None:
    link = socket.socket(socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET, socket.SOCK_DGRAM)
    if link.family == socket.AF_INET6:
        link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        link.setsockopt(socket.IPPROTO_UDP, UDP_NO_CHECK6_RX, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    link.bind(("", port))
    print(link.getsockname()[1], flush=True)
    link.settimeout(FIRST_SECONDS)
    seen: list[tuple[int, bool, float]] = []
    try:
        while True:
            data = link.recv(65536)
            number = int.from_bytes(data[:4], "big")
            seen.append((number, data == body(number, size), time.monotonic()))
            link.settimeout(quiet)
    except TimeoutError:
        pass
    intact = [number for number, good, _ in seen if good]
    # A datagram that overtook another arrives before one that was sent earlier.
    lowest_to_come = float("inf")
    overtook = 0
    for number in reversed(intact):
        overtook += lowest_to_come < number
        lowest_to_come = min(lowest_to_come, number)
    print(json.dumps({
        "came": len(seen), "bad": len(seen) - len(intact), "twice": len(intact) - len(set(intact)),
        "overtook": overtook, "seconds": seen[-1][2] - seen[0][2] if seen else 0,
    }))  # fmt: skip


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "send":
        send(words[0], int(words[1]), int(words[2]), int(words[3]), int(words[4]), float(words[5]))
    else:
        listen(int(words[0]), int(words[1]), float(words[2]))

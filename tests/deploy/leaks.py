"""Finds passwords where none may be: on hosts, on this machine, in command lines, on the wire."""

import base64
import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from firedrill.cluster import ssh
from firedrill.inventories.read import Host

# Run on a host as root: every file that all users may read; logs, temporary files and histories whoever may read them.
# What to look for is put in front of it, and both are sent on standard input: never as arguments.
ON_HOST = r"""
import json, os, stat, subprocess
FORMS = {name: [bytes.fromhex(form) for form in forms] for name, forms in json.loads(FORMS).items()}
LOGS = ("/var/log", "/tmp", "/var/tmp", "/var/crash", "/var/lib/systemd/coredump")
SKIPPED = ("/proc", "/sys", "/dev", "/var/log/journal", "/run/log/journal", "/usr/lib", "/usr/share", "/boot")
looked = 0

def look(place, content):
    global looked
    looked += len(content)
    for name, forms in FORMS.items():
        if any(form in content for form in forms):
            print(f"{place}: {name}")

def walk(folder, all_of_it):
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.path in SKIPPED or entry.is_symlink():
            continue
        everything = all_of_it or entry.path in LOGS or entry.name.endswith("history")
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode) and (everything or mode & 0o001):
            walk(entry.path, everything)
        elif stat.S_ISREG(mode) and (everything or mode & 0o004):
            try:
                with open(entry.path, "rb") as file:
                    look(entry.path, file.read(1 << 24))
            except OSError:
                pass

walk("/", False)
for home in ["/root", *[f"/home/{name}" for name in os.listdir("/home")]]:
    for name in os.listdir(home):
        if name.endswith("history"):
            look(f"{home}/{name}", open(f"{home}/{name}", "rb").read())
look("the journal", subprocess.run(["journalctl", "-o", "export", "--no-pager"], stdout=subprocess.PIPE).stdout)
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        look(f"/proc/{pid}/cmdline", open(f"/proc/{pid}/cmdline", "rb").read())
    except OSError:
        pass
print(looked)
"""


def forms(secret: str) -> set[bytes]:
    """How a text may appear: as it is, in a URL, in base64 wherever it begins, in hexadecimal."""
    plain = secret.encode()
    found = {plain, quote(secret).encode(), quote(secret, safe="").encode(), plain.hex().encode()}
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + plain)
        # Without the characters that depend on what is before and after it.
        found.add(coded[-(-before * 8 // 6) : (before + len(plain)) * 8 // 6])
    return found


def found_in(content: bytes, secrets: Mapping[str, str]) -> list[str]:
    """The names of the secrets in it."""
    return [name for name, secret in secrets.items() if any(form in content for form in forms(secret))]


def on_host(host: Host, secrets: Mapping[str, str]) -> tuple[list[str], int]:
    """Where a host shows which secrets, and how many bytes were looked at."""
    coded = json.dumps({name: [form.hex() for form in forms(secret)] for name, secret in secrets.items()})
    with ssh.connect(host) as connection:
        program = f"FORMS = {coded!r}\n{ON_HOST}"
        *shown, looked = ssh.sh(connection, "python3 -", stdin=program, seconds=240).splitlines()
    return shown, int(looked)


def in_files(folders: Iterable[Path], secrets: Mapping[str, str]) -> dict[str, list[str]]:
    """Which files show which secrets."""
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    shown = {str(file): found_in(file.read_bytes(), secrets) for file in files}
    return {file: names for file, names in shown.items() if names}


class Watch(threading.Thread):
    """Looks at something again and again until it is left: `with CommandLines() as seen: ...`."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()

    def run(self) -> None:
        while not self.over.wait(self.every):
            self.look()


class CommandLines(Watch):
    """All command lines of this machine, where the processes of local hosts are, too."""

    every = 0.1

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[bytes] = set()

    def look(self) -> None:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
                self.seen.add(file.read())


class Wire(Watch):
    """What passes a bridge between any two hosts."""

    every = 0

    def __init__(self, bridge: str) -> None:
        super().__init__()
        self.content = bytearray()
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((bridge, 0))
        self.socket.settimeout(0.2)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
        joined = struct.pack("iHH8s", socket.if_nametoindex(bridge), 1, 0, b"")  # PACKET_MR_PROMISC
        self.socket.setsockopt(263, 1, joined)  # SOL_PACKET, PACKET_ADD_MEMBERSHIP

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.socket.close()

    def look(self) -> None:
        try:
            self.content += self.socket.recv(65536)
        except TimeoutError:
            return

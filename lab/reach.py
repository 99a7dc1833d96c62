"""Which hosts answer SSH: waiting until they do, and recording their host keys."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from firedrill.inventories.errors import Problem
from firedrill.lab import providers
from firedrill.lab.guest import Guest, Tell

BOOT_SECONDS = 60
PARALLEL = 8


def answers_ssh(target: Guest, seconds: float = 1) -> bool:
    """Whether an SSH server sends its banner within this time."""
    try:
        with socket.create_connection((target.address, 22), timeout=seconds) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def settle(target: Guest) -> None:
    """Wait while a host runs and does not answer SSH: it is booting or shutting down."""
    deadline = time.monotonic() + BOOT_SECONDS
    while providers.of(target).init(target) is not None and not answers_ssh(target) and time.monotonic() < deadline:
        time.sleep(0.05)


def wait_for_ssh(target: Guest) -> None:
    """Wait until the host answers SSH. Raises Problem with the last line of its console."""
    deadline = time.monotonic() + BOOT_SECONDS
    while not answers_ssh(target):
        if time.monotonic() > deadline or not target.processes:
            log = target.folder / "console.log"
            last = (log.read_text(errors="replace").strip() or "its console is empty").splitlines()[-1]
            found = f"does not answer SSH after {BOOT_SECONDS} s" if target.processes else "ended while booting"
            raise Problem(f"{target.name} {found} ({last})", f"see its console, {log}")
        time.sleep(0.05)


def write_known_hosts(file: Path, guests: list[Guest]) -> None:
    """Write the hosts' public keys in OpenSSH's format."""
    lines = [f"{guest.address} {providers.of(guest).host_key(guest)}" for guest in guests]
    file.write_text("".join(lines))


def each(act: Callable[[Guest], None], guests: list[Guest]) -> None:
    """Act on several hosts at the same time."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(act, guests))


def wait(guests: list[Guest], booted: list[Guest], began: float, tell: Tell) -> None:
    """Wait until all answer SSH, and report those that had to boot."""
    each(wait_for_ssh, guests)
    if booted:
        tell(f"{', '.join(guest.name for guest in booted)}: up after {time.monotonic() - began:.1f} s")

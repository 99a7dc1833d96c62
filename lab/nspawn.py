"""Systemd containers as hosts: each with its own systemd, sshd, network namespace, disk and CPU share.

They share this machine's kernel: the page cache survives a power cut, and there is no clock, watchdog or netem per
host.
"""

import os
import shutil
import signal
from pathlib import Path

from firedrill.lab import disk, identity, mounts, network, supervise
from firedrill.lab.guest import Guest, Tell
from firedrill.lab.run import run

# Debian 13's systemd refuses cgroup v1, whatever this machine uses.
ENVIRONMENT = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
POWEROFF = signal.SIGRTMIN + 4
RUN = Path("/run/systemd/nspawn")  # after a power cut, propagate/NAME and (systemd 256) mounts are left here


def disk_of(guest: Guest) -> Path:
    """The file that is the host's disk; exists once the host was created."""
    return guest.folder / "disk.ext4"


def prepare(guests: list[Guest], image: Path, tell: Tell) -> None:
    """Nothing to do: containers boot from the image itself."""


def boot(guest: Guest, image: Path, authorized_key: str) -> None:
    """Mount the disk and start the container. It survives this process; its console log is in the host's folder."""
    guest.folder.mkdir(parents=True, exist_ok=True)
    disk.make(disk_of(guest), guest.disk_gib)
    root = disk.mount(image, disk_of(guest), guest.folder)
    # Leftovers of a power cut prevent the start: "Mount point '.../unix-export/NAME' exists already".
    clear(guest.lab, guest.name)
    _identify(guest, root, authorized_key)
    command = [
        "systemd-nspawn", "--quiet", "--boot", f"--directory={root}", f"--machine={guest.machine}",
        f"--hostname={guest.name}", f"--network-bridge={guest.bridge}", "--keep-unit", "--register=no",
        "--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=pipe",
        "--", "systemd.journald.forward_to_console=no",
    ]  # fmt: skip
    supervise.start(guest, command, **ENVIRONMENT)


def _identify(guest: Guest, root: Path, authorized_key: str) -> None:
    """Write the host's name, address and keys. Machine id and host key are written once and survive restarts."""
    (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    for path, content in identity.every_boot(guest, authorized_key).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    if not (root / identity.MACHINE_ID).exists():
        for path, content in identity.once(guest).items():
            (root / path).write_text(content)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", guest.name, "-f", str(root / identity.HOST_KEY)])


def host_key(guest: Guest) -> str:
    """The host's public SSH key."""
    return (guest.folder / "root" / f"{identity.HOST_KEY}.pub").read_text()


def init(guest: Guest) -> int | None:
    """The process that is the container's PID 1, or None if the host is off."""
    for pid in guest.processes:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ids = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
        if len(ids) > 1 and ids[-1] == "1":
            return pid
    return None


def poweroff(guest: Guest) -> None:
    """Request an orderly poweroff from the container's systemd, and return."""
    if pid := init(guest):
        os.kill(pid, POWEROFF)


def silence(guest: Guest, *, silent: bool) -> None:
    """Stop or restart all traffic from and to the host: the kernel would answer for a frozen container."""
    if (pid := init(guest)) and (port := network.veth_of(guest.bridge, pid)):
        network.silence(port, silent=silent)


def unplug(guest: Guest) -> None:
    """Remove the host's link before its processes are killed.

    Otherwise the kernel would close their sockets and notify every peer, which a machine without power does not; and
    while peers do not answer, the network namespace and the link would outlive the host.
    """
    if (pid := init(guest)) and (port := network.veth_of(guest.bridge, pid)):
        network.remove(port)


def clear(lab: str, name: str) -> None:
    """Remove what a host that is off leaves outside its folder."""
    for folder in RUN.glob(f"*/{lab}-{name}"):
        mounts.unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)

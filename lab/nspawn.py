"""Systemd containers as hosts: each with its own systemd, sshd, network namespace, disk and CPU share.

They share this machine's kernel: a power cut keeps the page cache, and a clock, a watchdog or a netem of their own
is not to be had.
"""

import os
import shutil
import signal
import subprocess
import uuid
from pathlib import Path

from lab import cgroups, disk, network
from lab.guest import Guest
from lab.run import run

# Debian 13's systemd refuses cgroup v1, whichever hierarchy this machine runs on.
ENVIRONMENT = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
POWEROFF = signal.SIGRTMIN + 4
SUPERVISE = Path(__file__).with_name("supervise.sh")
REBOOTED = "133"  # how systemd-nspawn --keep-unit ends when its guest rebooted
PROPAGATE = Path("/run/systemd/nspawn/propagate")  # systemd-nspawn leaves a folder a machine here
NETWORK = """\
[Match]
Name=host0

[Network]
Address={address}/{prefix}
Gateway={gateway}
DHCP=no
LinkLocalAddressing=no
IPv6AcceptRA=no
LLMNR=no
MulticastDNS=no
"""


def boot(guest: Guest, image: Path, authorized_key: str) -> None:
    """Mount the disk and start the container. It goes on when we end; its console is in the host's folder."""
    guest.folder.mkdir(parents=True, exist_ok=True)
    disk.make(guest.folder / "disk.ext4", guest.disk_gib)
    root = disk.mount(image, guest.folder / "disk.ext4", guest.folder)
    # Left by a guest that was cut, it can stop the next one: "Attempted to remove disk file system under ...".
    shutil.rmtree(PROPAGATE / guest.machine, ignore_errors=True)
    _identify(guest, root, authorized_key)
    groups = [str(group) for group in cgroups.folders(guest.lab, guest.name)]
    command = [
        "sh", str(SUPERVISE), REBOOTED, *groups, "--",
        "systemd-nspawn", "--quiet", "--boot", f"--directory={root}", f"--machine={guest.machine}",
        f"--hostname={guest.name}", f"--network-bridge={guest.bridge}", "--keep-unit", "--register=no",
        "--link-journal=no", "--resolv-conf=off", "--timezone=off", "--console=pipe",
        "--", "systemd.journald.forward_to_console=no",
    ]  # fmt: skip
    with open(guest.folder / "console.log", "ab") as console:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
            env=os.environ | ENVIRONMENT,
        )


def _identify(guest: Guest, root: Path, authorized_key: str) -> None:
    """Give the host its name, address, identity and keys: once, so that they last over restarts."""
    (root / "etc/hostname").write_text(f"{guest.name}\n")
    unit = NETWORK.format(address=guest.address, prefix=guest.prefix, gateway=guest.gateway)
    # Sorts before 80-container-host0.network, which would ask for DHCP.
    (root / "etc/systemd/network/10-host0.network").write_text(unit)
    resolver = Path("/run/systemd/resolve/resolv.conf")
    source = resolver if resolver.exists() else Path("/etc/resolv.conf")
    (root / "etc/resolv.conf").write_text(source.read_text())
    keys = root / "root/.ssh/authorized_keys"
    keys.parent.mkdir(mode=0o700, exist_ok=True)
    keys.write_text(authorized_key)
    if not (root / "etc/machine-id").exists():
        # An empty one would mean a first boot, on which systemd enables every service there is.
        (root / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")
        (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{guest.address} {guest.name}\n")
        key = root / "etc/ssh/ssh_host_ed25519_key"
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", guest.name, "-f", str(key)])


def host_key(guest: Guest) -> str:
    """The host's public SSH key."""
    return (guest.folder / "root/etc/ssh/ssh_host_ed25519_key.pub").read_text()


def init(guest: Guest) -> int | None:
    """The process that is the container's PID 1, or None when the host is off."""
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
    """Ask the container's systemd for an orderly poweroff, and return at once."""
    if pid := init(guest):
        os.kill(pid, POWEROFF)


def silence(guest: Guest, *, silent: bool) -> None:
    """Stop, or restart, all traffic from and to the host. A frozen container's kernel would answer in its place."""
    if (pid := init(guest)) and (port := network.veth_of(guest.bridge, pid)):
        network.silence(port, silent=silent)

"""Which kinds of hosts this machine can run. Facts are collected once, then checked by pure functions.

`lab doctor` shows every check. `lab up` and `lab start` refuse at the first failed one, before anything is created.
"""

import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from firedrill.inventories.errors import Problem
from firedrill.lab import cgroups, image, kernel, paths
from firedrill.lab.guest import Guest
from firedrill.lab.run import run

COMMANDS = {
    "ip": "iproute2", "bridge": "iproute2", "nft": "nftables", "mmdebstrap": "mmdebstrap",
    "ssh-keygen": "openssh-client", "mount": "mount", "unshare": "util-linux",
}  # fmt: skip
NSPAWN_COMMANDS = {"systemd-nspawn": "systemd-container", "mkfs.ext4": "e2fsprogs", "nsenter": "util-linux"}
UML_COMMANDS = {"mke2fs": "e2fsprogs", "apt-get": "apt", "dpkg-deb": "dpkg", "bash": "bash"}
NEEDED_GIB = 3
MIB = 2**20
# Each runs in a temporary network namespace.
TRIALS = {
    "bridge": "ip link add firedrill type bridge",
    "nft": "nft add table ip firedrill",
    "tap": "ip tuntap add dev firedrill mode tap",
}
LOADER = "lib64/ld-linux-x86-64.so.2"


@dataclass(frozen=True)
class Machine:
    """Facts about this machine. The text of a trial is empty if it succeeded, else its error."""

    root: bool
    architecture: str
    commands: frozenset[str]
    cgroups: frozenset[str]
    filesystems: frozenset[str]
    loop: bool
    trials: dict[str, str]
    shm_type: str
    shm_noexec: bool
    shm_free_mib: int
    memory_mib: int
    cache_free_gib: float
    image: str
    image_loader: bool
    kernel: str
    kernel_trouble: str


@dataclass(frozen=True)
class Check:
    """A requirement: whether it is met, what was found, and the remedy."""

    name: str
    ok: bool
    found: str
    remedy: str


def look(*, ask_apt: bool = False) -> Machine:
    """Collect the facts. `ask_apt`: check on the network whether a kernel that is not cached can be fetched."""
    root = os.geteuid() == 0
    images = (image.folder(bare=False), image.folder(bare=True))
    ours = next((folder for folder in images if folder.exists()), None)
    unpacked = kernel.cached()
    shm = _mount_of(Path("/dev/shm"))
    wanted = COMMANDS | NSPAWN_COMMANDS | UML_COMMANDS
    return Machine(
        root=root,
        architecture=platform.machine(),
        commands=frozenset(name for name in wanted if shutil.which(name)),
        cgroups=frozenset(word for key in cgroups.hierarchies() for word in key.split(",")),
        filesystems=frozenset(name for name in ("overlay",) if _has_filesystem(name)),
        loop=Path("/dev/loop-control").exists(),
        trials={name: _trial(command) if root else "only root can test this" for name, command in TRIALS.items()},
        shm_type=shm[0],
        shm_noexec="noexec" in shm[1],
        shm_free_mib=_free("/dev/shm") // MIB,
        memory_mib=_available_mib(),
        cache_free_gib=_free(paths.CACHE) / 2**30,
        image=ours.name if ours else "",
        image_loader=ours is not None and (ours / LOADER).exists(),
        kernel=kernel.version(unpacked) if unpacked else "",
        kernel_trouble=_ask_apt(ours) if ask_apt and root and ours and not unpacked else "",
    )


def _mount_of(folder: Path) -> tuple[str, str]:
    """File system type and options of the top mount at this folder."""
    found = ("none", "")
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if where == str(folder):
            found = (kind, options)
    return found


def _has_filesystem(name: str) -> bool:
    known = {line.split()[-1] for line in Path("/proc/filesystems").read_text().splitlines()}
    return name in known or run(["modprobe", "--dry-run", "--quiet", name], check=False).returncode == 0


def _trial(command: str) -> str:
    if not shutil.which("unshare"):
        return "no unshare"
    done = run(["unshare", "--net", "sh", "-c", command], check=False)
    return (done.stderr.strip() or f"exit {done.returncode}").splitlines()[-1] if done.returncode else ""


def _free(folder: str | Path) -> int:
    folder = Path(folder)
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _available_mib() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable:"))


def _ask_apt(ours: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="firedrill-") as folder:
        try:
            kernel.candidate(ours, Path(folder))
        except Problem as problem:
            return problem.cause
    return ""


def nspawn(machine: Machine, memory_mib: int = 0) -> list[Check]:
    """What containers need."""
    return [
        *_common(machine),
        *_commands(machine, NSPAWN_COMMANDS),
        _overlay(machine),
        Check("loop devices", machine.loop, "/dev/loop-control" if machine.loop else "no /dev/loop-control",
              "load the module: modprobe loop; in a container, pass the device in"),
    ]  # fmt: skip


def uml(machine: Machine, memory_mib: int = 512) -> list[Check]:
    """What user-mode Linux hosts need; `memory_mib` is the memory of all of them."""
    return [
        Check("architecture", machine.architecture == "x86_64", machine.architecture,
              "user-mode Linux is built for x86_64 only: use such a machine"),
        *_common(machine),
        *_commands(machine, UML_COMMANDS),
        _overlay(machine),
        _trial_check(machine, "tap", "tap", "load the module: modprobe tun; in a container, pass in /dev/net/tun"),
        _kernel(machine),
        _loader(machine),
        *_shm(machine, memory_mib),
        Check("memory", machine.memory_mib >= memory_mib, f"{machine.memory_mib} MiB available, {memory_mib} needed",
              "free some, use fewer hosts, or lower memory_mib in the inventory"),
    ]  # fmt: skip


CHECKS: dict[str, Callable[[Machine, int], list[Check]]] = {"nspawn": nspawn, "uml": uml}


def _common(machine: Machine) -> list[Check]:
    grouped = {"freezer", "cpu"} <= machine.cgroups or "unified" in machine.cgroups
    disk = f"{machine.cache_free_gib:.1f} GiB free in {paths.CACHE}, {NEEDED_GIB} needed to build the image"
    enough = bool(machine.image) or machine.cache_free_gib >= NEEDED_GIB
    return [
        Check("root", machine.root, "root" if machine.root else "not root", "run it with sudo or as root"),
        Check("cgroups", grouped, ", ".join(sorted(machine.cgroups)) or "none mounted",
              "mount one: mount -t cgroup2 none /sys/fs/cgroup"),
        *_commands(machine, COMMANDS),
        _trial_check(machine, "bridge", "bridge", "load the module: modprobe bridge; CAP_NET_ADMIN is needed"),
        _trial_check(machine, "nft", "nftables", "load the module: modprobe nf_tables; CAP_NET_ADMIN is needed"),
        Check("disk", enough, disk, "free some, or set FIREDRILL_CACHE to a folder on a larger disk"),
    ]  # fmt: skip


def _commands(machine: Machine, wanted: dict[str, str]) -> list[Check]:
    return [
        Check(
            name,
            name in machine.commands,
            "found" if name in machine.commands else f"no command {name}",
            f"apt-get install {package}",
        )
        for name, package in wanted.items()
    ]


def _overlay(machine: Machine) -> Check:
    there = "overlay" in machine.filesystems
    found = "supported" if there else "this kernel has no overlay file system"
    return Check("overlay", there, found, "load the module: modprobe overlay")


def _trial_check(machine: Machine, trial: str, name: str, remedy: str) -> Check:
    error = machine.trials[trial]
    return Check(name, not error, error or "works", remedy)


def _kernel(machine: Machine) -> Check:
    found = machine.kernel or machine.kernel_trouble or "not fetched yet; `lab up` fetches it"
    package = f"{kernel.PACKAGE}_*.deb"
    remedy = f"check this machine's network and DNS, or put a {package} of 7.2 or later into {paths.CACHE}"
    return Check("user-mode-linux", bool(machine.kernel) or not machine.kernel_trouble, found, remedy)


def _loader(machine: Machine) -> Check:
    if not machine.image:
        return Check("libc", True, "comes with the image, which `lab up` builds", "")
    found = f"from the image {machine.image}" if machine.image_loader else f"the image {machine.image} has no {LOADER}"
    return Check("libc", machine.image_loader, found, "run `lab image --rebuild`")


def _shm(machine: Machine, memory_mib: int) -> list[Check]:
    size = f"{machine.shm_free_mib} MiB free, {memory_mib} needed"
    grow = f"mount -o remount,size={memory_mib + 64}M /dev/shm; a container is started with --shm-size"
    return [
        Check("/dev/shm", machine.shm_type == "tmpfs", machine.shm_type, "mount it: mount -t tmpfs tmpfs /dev/shm"),
        Check("/dev/shm executable", not machine.shm_noexec, "noexec" if machine.shm_noexec else "exec",
              "mount -o remount,exec /dev/shm"),
        Check("/dev/shm size", machine.shm_free_mib >= memory_mib, size, grow),
    ]  # fmt: skip


def require(machine: Machine, wanted: dict[str, list[Guest]]) -> None:
    """Refuse hosts that this machine cannot run. Raises Problem with the first failed check."""
    for provider, guests in wanted.items():
        for check in CHECKS[provider](machine, sum(guest.memory_mib for guest in guests)):
            if not check.ok:
                raise Problem(
                    f"{provider} hosts cannot run here: {check.name}: {check.found}",
                    check.remedy,
                )


def report(machine: Machine) -> list[dict]:
    """One row per provider: whether it can run here, and each check."""
    rows = []
    for provider, checks in CHECKS.items():
        found = checks(machine, 512)
        rows.append(
            {
                "provider": provider,
                "ok": all(check.ok for check in found),
                "checks": [check.__dict__ for check in found],
            }
        )
    return rows

"""The host image: Debian 13 with everything a cluster needs, built once and cached; or bare, with sshd and Python.

The cache's folder is named after what goes into it, so a changed list is a new image, and half-built ones
(never renamed into place) are swept away by the next build.
"""

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from firedrill.inventories.errors import Problem
from firedrill.lab import mounts, paths
from firedrill.lab.run import run

SUITE = "trixie"
BASE = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "python3-minimal", "python3",
    "iproute2", "iputils-ping", "procps", "sudo", "udev", "ca-certificates", "kmod",
)  # fmt: skip
CLUSTER = (
    "postgresql-17", "patroni", "python3-etcd", "etcd-server", "etcd-client", "haproxy", "keepalived", "curl",
    "nginx-light", "gunicorn", "python3-flask", "python3-psycopg", "python3-psycopg-pool",
    "iptables", "nftables", "stress-ng", "chrony",
)  # fmt: skip
# Installed does not mean wanted: the deploy enables what a host's role needs.
DISABLED = (
    "etcd", "haproxy", "keepalived", "nginx", "patroni", "postgresql", "nftables", "chrony",
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap", "fstrim.timer", "logrotate.timer",
)  # fmt: skip
# Before packages are unpacked: PostgreSQL's package makes no cluster of its own, Patroni will.
NO_MAIN_CLUSTER = (
    "mkdir -p $1/etc/postgresql-common"
    " && echo create_main_cluster = false > $1/etc/postgresql-common/createcluster.conf"
)
SSHD = """\
UseDNS no
MaxStartups 200:30:400
MaxSessions 100
PerSourcePenalties no
HostKey /etc/ssh/ssh_host_ed25519_key
"""
NEEDED_GIB = 3


def recipe(*, bare: bool) -> dict[str, str]:
    """All that decides what is in the image."""
    packages = BASE if bare else BASE + CLUSTER
    return {
        "suite": SUITE,
        "packages": ",".join(packages),
        "hooks": NO_MAIN_CLUSTER,
        "sshd": SSHD,
        "off": " ".join(DISABLED),
    }


def folder(*, bare: bool) -> Path:
    """Where the image is, or will be."""
    digest = hashlib.sha256(repr(sorted(recipe(bare=bare).items())).encode()).hexdigest()[:12]
    return paths.CACHE / f"{'bare' if bare else 'cluster'}-{digest}"


def kind(image: Path) -> str:
    """`cluster` or `bare`."""
    return image.name.split("-")[0]


def ensure(*, bare: bool, rebuild: bool = False, tell: Callable[[str], None]) -> Path:
    """The image's folder, built first if it is not there. Raises Problem with the cause."""
    target = folder(bare=bare)
    with locked():
        sweep()
        if rebuild and target.exists():
            _discard(target)
        if not target.exists():
            _build(target, bare=bare, tell=tell)
    return target


@contextmanager
def locked() -> Iterator[None]:
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    with open(paths.CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sweep() -> None:
    """Remove what a dead build left."""
    for partial in paths.CACHE.glob("*.partial"):
        _discard(partial)


def _discard(target: Path) -> None:
    users = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"lowerdir={target}," in line]
    if users:
        raise Problem(f"the image {target} is in use by {len(users)} hosts", "run `lab down` first")
    mounts.unmount(target)
    shutil.rmtree(target)


def _build(target: Path, *, bare: bool, tell: Callable[[str], None]) -> None:
    free = shutil.disk_usage(paths.CACHE).free / 2**30
    if free < NEEDED_GIB:
        raise Problem(
            f"{paths.CACHE} has {free:.1f} GiB free, the image's build needs {NEEDED_GIB}",
            "free some, or set FIREDRILL_CACHE to a folder on a larger disk",
        )
    partial = target.with_suffix(".partial")
    tell(f"building the host image ({SUITE}, {target.name}); this is done once")
    try:
        _mmdebstrap(partial, recipe(bare=bare)["packages"], tell)
        _finish(partial)
    except BaseException:
        if partial.exists():
            _discard(partial)
        raise
    partial.rename(target)


def _mmdebstrap(partial: Path, packages: str, tell: Callable[[str], None]) -> None:
    # A process namespace of its own ends the build's children with it, and it ends with us, even by SIGKILL.
    command = [
        "setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--mount", "--fork", "--kill-child=KILL",
        "mmdebstrap", "--variant=minbase", f"--include={packages}", f"--essential-hook={NO_MAIN_CLUSTER}",
        '--aptopt=APT::Install-Recommends "false"', SUITE, str(partial),
    ]  # fmt: skip
    said: list[str] = []
    try:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise Problem("no mmdebstrap", "run `make setup`, which installs what is needed") from None
    assert child.stderr
    for line in child.stderr:
        said.append(line.strip())
        if line.startswith("I:"):
            tell(line[2:].strip())
    if child.wait():
        raise _explain(said)


def _explain(said: list[str]) -> Problem:
    errors = [line for line in said if line.startswith(("E:", "Err:"))] or said[-1:] or ["no message"]
    text = " ".join(said)
    if "No space left" in text:
        return Problem(f"the disk of {paths.CACHE} is full", "free some, or set FIREDRILL_CACHE to a larger disk")
    if any(word in text for word in ("Could not resolve", "Failed to fetch", "Unable to connect", "Temporary failure")):
        return Problem(f"Debian's packages cannot be fetched ({errors[0]})", "check this machine's network and DNS")
    return Problem(f"the image's build failed ({errors[-1]})", "mend the cause and run `lab image --rebuild`")


def _finish(root: Path) -> None:
    """Make the tree an image: no identity of its own, no service that no role asked for."""
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for file in ("etc/machine-id", "etc/hostname", "etc/resolv.conf"):
        (root / file).unlink(missing_ok=True)
    (root / "etc/ssh/sshd_config.d/10-firedrill.conf").write_text(SSHD)
    (root / "var/log/journal").mkdir(exist_ok=True)
    present = [unit for unit in DISABLED if _has_unit(root, unit)]
    run(["systemctl", f"--root={root}", "disable", *present])
    run(["systemctl", f"--root={root}", "enable", "systemd-networkd", "systemd-networkd-wait-online", "ssh"])
    run(
        [
            "systemctl",
            f"--root={root}",
            "mask",
            "systemd-firstboot",
            "getty.target",
            "console-getty",
            "systemd-networkd-persistent-storage",
        ]
    )


def _has_unit(root: Path, unit: str) -> bool:
    name = unit if "." in unit else f"{unit}.service"
    return any((root / where / name).exists() for where in ("usr/lib/systemd/system", "lib/systemd/system"))


def listing() -> list[dict]:
    """The cached images with their size in MiB."""
    found = []
    for image in sorted(paths.CACHE.glob("*-*")) if paths.CACHE.exists() else []:
        if image.is_dir() and image.suffix != ".partial":
            size = int(run(["du", "-sm", str(image)]).stdout.split()[0])
            current = image in (folder(bare=False), folder(bare=True))
            found.append({"image": image.name, "path": str(image), "mib": size, "current": current})
    return found

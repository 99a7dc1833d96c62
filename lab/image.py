"""Host images: a Debian release with everything a cluster needs, or bare, with sshd and Python. Built once and cached.

Roles in ADDITIONS need more than that: only a lab with such a role has it in its image.

The folder in the cache is named after its content, so a changed package list is a new image. A build that did not
finish was never renamed into place; the next build removes it.

Standard library only: `python3 -m firedrill.lab.image` builds an image while pip still makes the environment.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from firedrill import package
from firedrill.inventories import releases
from firedrill.inventories.errors import INTERRUPTED, USAGE, Problem
from firedrill.lab import mounts, paths
from firedrill.lab.run import run

BASE = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "python3-minimal", "python3",
    "iproute2", "iputils-ping", "procps", "sudo", "udev", "ca-certificates", "kmod",
)  # fmt: skip
BARE = ("python3-apt",)  # Ansible needs it
CLUSTER = (
    "postgresql-{postgres}", "patroni", "python3-etcd", "etcd-server", "etcd-client", "haproxy", "keepalived", "curl",
    "nginx-light", "gunicorn", "python3-flask", "python3-psycopg", "python3-psycopg-pool",
    "iptables", "nftables", "stress-ng", "chrony",
)  # fmt: skip
# Installed but disabled: the deploy enables what the roles of a host need.
DISABLED = (
    "etcd", "haproxy", "keepalived", "nginx", "patroni", "postgresql", "nftables", "chrony",
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap", "fstrim.timer", "logrotate.timer",
)  # fmt: skip
# Before packages are unpacked: keeps PostgreSQL's package from creating a cluster. Patroni creates it.
NO_MAIN_CLUSTER = (
    "mkdir -p $1/etc/postgresql-common"
    " && echo create_main_cluster = false > $1/etc/postgresql-common/createcluster.conf"
)
SSHD = """\
UseDNS no
MaxStartups 200:30:400
MaxSessions 100
{more}HostKey /etc/ssh/ssh_host_ed25519_key
"""
# OpenSSH 9.8 and later locks out clients that connect often; older ones do not know the option.
SSHD_MORE = {"trixie": "PerSourcePenalties no\n"}
# Packages, each with a unit of its name: of every host of a lab that has one with the role `monitor`.
MONITORING = (
    "prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter", "prometheus-node-exporter",
    "prometheus-postgres-exporter", "prometheus-nginx-exporter",
)  # fmt: skip
NEEDED_GIB = 3


class Addition(NamedTuple):
    """What the image of a lab has for one role: apt's files (template, path), packages of a release, units.

    `native` are packages of the image's own release.
    """

    files: tuple[tuple[str, str], ...]
    release: str
    packages: tuple[str, ...]
    native: tuple[str, ...]
    disabled: tuple[str, ...]
    removed: str  # what a package created for its own use


ADDITIONS = {
    "mysqld": Addition(
        files=(
            ("templates/mysql.sources.j2", "/etc/apt/sources.list.d/firedrill-mysql.sources"),
            ("templates/mysql.pref.j2", "/etc/apt/preferences.d/firedrill-mysql"),
        ),
        release="sid",
        packages=("mysql-server",),
        native=("python3-pymysql",),  # the app's driver
        disabled=("mysql",),
        removed="/var/lib/mysql/*",  # it holds a server id, which must be each host's own
    ),
    "monitor": Addition(files=(), release="", packages=(), native=MONITORING, disabled=MONITORING, removed=""),
}


def additions(roles: Collection[str]) -> tuple[str, ...]:
    """Those of these roles that have an addition."""
    return tuple(role for role in ADDITIONS if role in roles)


def recipe(release: str, *, bare: bool, added: tuple[str, ...] = ()) -> dict[str, str]:
    """Everything that determines the content of the image."""
    postgres = releases.named(release).postgres
    native = tuple(name for role in added for name in ADDITIONS[role].native)
    packages = ",".join(BASE + (BARE if bare else CLUSTER) + native).format(postgres=postgres)
    more = {role: repr((ADDITIONS[role], [package.file(name).read_text() for name, _ in ADDITIONS[role].files]))
            for role in added}  # fmt: skip
    return more | {
        "suite": release,
        "packages": packages,
        "hooks": NO_MAIN_CLUSTER,
        "sshd": SSHD.format(more=SSHD_MORE.get(release, "")),
        "off": " ".join(DISABLED),
    }


def folder(release: str = releases.DEFAULT, *, bare: bool, added: tuple[str, ...] = ()) -> Path:
    """The path of the image, built or not."""
    content = sorted(recipe(release, bare=bare, added=added).items())
    digest = hashlib.sha256(repr(content).encode()).hexdigest()[:12]
    return paths.CACHE / f"{'+'.join(('bare' if bare else 'cluster', *added))}-{digest}"


def kind(image: Path) -> str:
    """`cluster`, `bare`, or `cluster+` and the roles that have an addition."""
    return image.name.split("-")[0]


def release(image: Path) -> str:
    """The code name of an image's release."""
    lines = (image / "etc/os-release").read_text().splitlines()
    return next(line.partition("=")[2] for line in lines if line.startswith("VERSION_CODENAME="))


def ensure(
    release: str = releases.DEFAULT,
    *,
    bare: bool,
    added: tuple[str, ...] = (),
    rebuild: bool = False,
    tell: Callable[[str], None],
) -> Path:
    """The image's folder. Builds it if it is missing. Raises Problem with the cause."""
    target = folder(release, bare=bare, added=added)
    if target.exists() and not rebuild:
        return target  # without the lock, which a build of another image may hold for a minute
    with locked():
        sweep()
        if rebuild and target.exists():
            _discard(target)
        if not target.exists():
            _build(target, recipe(release, bare=bare, added=added), added, tell)
    return target


@contextmanager
def locked() -> Iterator[None]:
    """Hold the lock of the cache: one build at a time."""
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    with open(paths.CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sweep() -> None:
    """Remove builds that did not finish."""
    for partial in paths.CACHE.glob("*.partial"):
        _discard(partial)


def _discard(target: Path) -> None:
    users = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"lowerdir={target}," in line]
    if users:
        raise Problem(f"the image {target} is in use by {len(users)} hosts", "run `lab down` first")
    mounts.unmount(target)
    shutil.rmtree(target)


def _build(target: Path, wanted: dict[str, str], added: tuple[str, ...], tell: Callable[[str], None]) -> None:
    free = shutil.disk_usage(paths.CACHE).free / 2**30
    if free < NEEDED_GIB:
        raise Problem(
            f"{paths.CACHE} has {free:.1f} GiB free, building the image needs {NEEDED_GIB}",
            "free some, or set FIREDRILL_CACHE to a folder on a larger disk",
        )
    partial = target.with_suffix(".partial")
    tell(f"building the host image ({wanted['suite']}, {target.name}); done once")
    try:
        hooks = [hook for role in added for hook in _hooks(ADDITIONS[role])]
        _mmdebstrap(partial, wanted, hooks, tell)
        _finish(partial, wanted["sshd"], [unit for role in added for unit in ADDITIONS[role].disabled])
    except BaseException:
        if partial.exists():
            _discard(partial)
        raise
    partial.rename(target)


def _hooks(addition: Addition) -> list[str]:
    """mmdebstrap's hooks that install an addition from its own package source, if it has one."""
    if not addition.packages:
        return []
    install = f"apt-get -y -t {addition.release} install --no-install-recommends {' '.join(addition.packages)}"
    return [
        *(f"upload {package.file(name)} {path}" for name, path in addition.files),
        'chroot "$1" apt-get update',
        f'chroot "$1" env DEBIAN_FRONTEND=noninteractive {install}',
        f'rm -rf "$1"{addition.removed}',
    ]


def _mmdebstrap(partial: Path, wanted: dict[str, str], hooks: list[str], tell: Callable[[str], None]) -> None:
    # In a PID namespace, so that no process outlives the build; the build ends with this process, even by SIGKILL.
    command = [
        "setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--mount", "--fork", "--kill-child=KILL",
        "mmdebstrap", "--variant=minbase", f"--include={wanted['packages']}", f"--essential-hook={NO_MAIN_CLUSTER}",
        '--aptopt=APT::Install-Recommends "false"', *(f"--customize-hook={hook}" for hook in hooks),
        wanted["suite"], str(partial),
    ]  # fmt: skip
    lines: list[str] = []
    try:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        raise Problem("no mmdebstrap", "run `make setup`, which installs it") from None
    assert child.stderr
    for line in child.stderr:
        lines.append(line.strip())
        if line.startswith("I:"):
            tell(line[2:].strip())
    if child.wait():
        raise explain(lines)


def explain(lines: list[str]) -> Problem:
    """The cause of a failed build, from the lines that mmdebstrap printed: its first error, not its last."""
    errors = [line for line in lines if line.startswith(("E:", "Err:"))] or lines[-1:] or ["no message"]
    text = " ".join(lines)
    if "No space left" in text:
        return Problem(f"the disk of {paths.CACHE} is full", "free some, or set FIREDRILL_CACHE to a larger disk")
    if any(sign in text for sign in ("Could not resolve", "Failed to fetch", "Unable to connect", "Temporary failure")):
        return Problem(f"Debian packages cannot be fetched ({errors[0]})", "check this machine's network and DNS")
    return Problem(f"the build of the host image failed ({errors[0]})", "fix the cause and run `lab image --rebuild`")


def _finish(root: Path, sshd: str, disabled: list[str]) -> None:
    """Turn the tree into an image: no host identity, no service enabled that no role asked for."""
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for file in ("etc/machine-id", "etc/hostname", "etc/resolv.conf"):
        (root / file).unlink(missing_ok=True)
    (root / "etc/ssh/sshd_config.d/10-firedrill.conf").write_text(sshd)
    (root / "var/log/journal").mkdir(exist_ok=True)
    present = [unit for unit in (*DISABLED, *disabled) if _has_unit(root, unit)]
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
    """The cached images with their release and their size in MiB."""
    wanted = {folder(name, bare=bare) for name in releases.RELEASES for bare in (False, True)}
    wanted |= {folder(name, bare=False, added=(role,)) for name in releases.RELEASES for role in ADDITIONS}
    found = []
    for image in sorted(paths.CACHE.glob("*-*")) if paths.CACHE.exists() else []:
        if image.suffix != ".partial" and (image / "etc/os-release").exists():
            size = int(run(["du", "-sm", str(image)]).stdout.split()[0])
            row = {"image": image.name, "release": release(image), "path": str(image), "mib": size}
            found.append(row | {"current": image in wanted})
    return found


def main() -> int:
    """Build the cluster image for the roles named if it is missing. Errors are one line, as the commands print them."""
    began, added = time.monotonic(), additions(sys.argv[1:])
    try:
        ensure(
            bare=False,
            added=added,
            tell=lambda text: print(f"[{time.monotonic() - began:5.1f} s] {text}", file=sys.stderr),
        )
    except Problem as problem:
        print(f"lab image: {problem}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())

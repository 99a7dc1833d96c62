"""What hosts with a kernel of their own start from: the kernel made to run anywhere, and the image as one ext4 file.

One folder in the cache, named after what goes into it: the image's packages, the kernel, our additions, the size.
Hosts write to a copy-on-write file over its `root.ext4`, so it never changes once it has its name.

    linux           the kernel, whose loader and libc are looked for beside it, whatever libc this machine has
    lib/            both, from the image
    root.ext4       the image with the kernel's modules and our additions
"""

import hashlib
import os
import shutil
from pathlib import Path

from firedrill.inventories.errors import Problem
from firedrill.lab import kernel, paths
from firedrill.lab.guest import Tell
from firedrill.lab.run import CommandFailed, run

NEEDED_GIB = 3
# How the kernel finds its loader and its libc, and what is put in place of it: paths from its working folder.
LOADER, LOADER_HERE = b"/lib64/ld-linux-x86-64.so.2\0", b"lib/ld.so"
LIBRARIES, LIBRARIES_HERE = b"\0/lib64:/lib\0", b"\0lib"
# What a host of ours has no use for; each start of a process costs a guest some 50 ms.
MASKED = (
    "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "modprobe@efi_pstore.service",
    "modprobe@configfs.service", "modprobe@drm.service", "modprobe@fuse.service", "sys-kernel-config.mount",
    "sys-fs-fuse-connections.mount", "systemd-network-generator.service", "systemd-udev-load-credentials.service",
    "kmod-static-nodes.service", "systemd-pstore.service",
)  # fmt: skip
INIT = """\
#!/bin/sh
# The second disk is a tar archive of what makes this host this host. Before systemd reads its name and id.
once=
[ ! -s /etc/machine-id ] || once=--exclude=etc/hosts
tar -x -C / -f /dev/ubdb $once
# The name that the interface has in a container, so that nobody needs to care.
ip link set vec0 name host0
exec /sbin/init "$@"
"""
UDEV_TRIGGER = """\
[Service]
# Not the 595 terminals that this kernel offers: they take seconds.
ExecStart=
ExecStart=udevadm trigger --action=add --subsystem-match=net --subsystem-match=block --subsystem-match=misc
"""
ADDED = {
    "usr/lib/firedrill/init": INIT,
    "etc/systemd/system/systemd-udev-trigger.service.d/firedrill.conf": UDEV_TRIGGER,
    "etc/modules-load.d/firedrill.conf": "softdog\n",
    # This kernel's default is that a watchdog once open cannot be closed: a leader that steps down would be reset.
    "etc/modprobe.d/firedrill.conf": "options softdog nowayout=0\n",
    # The kernel's own watchdog needs a helper on this machine; softdog is the one that works.
    "etc/tmpfiles.d/firedrill.conf": "L+ /dev/watchdog - - - - /dev/watchdog1\n",
}
LINKS = {f"etc/systemd/system/{unit}": "/dev/null" for unit in MASKED} | {
    # What `lab stop` presses.
    "etc/systemd/system/ctrl-alt-del.target": "/usr/lib/systemd/system/poweroff.target",
}
# Newer than /usr: what systemd would do on the first start after an update is done in the image.
UPDATED = ("etc/.updated", "var/.updated")
FAR = 2_000_000_000
# In namespaces of its own, so that no mount outlives it, and all of it ends with us, even by SIGKILL.
MAKE = """\
set -e
mount -t overlay -o "lowerdir=$1/added:$2:$3" overlay "$1/merged"
mke2fs -q -F -t ext4 -m 0 -E lazy_itable_init=1,nodiscard -d "$1/merged" "$1/root.ext4"
"""


def folder(image: Path, unpacked: Path, gib: float) -> Path:
    """Where the base for this image, this kernel and this disk size is, or will be."""
    ours = repr((sorted(ADDED.items()), sorted(LINKS.items()), MAKE, kernel.version(unpacked), gib))
    content = (image / "var/lib/dpkg/status").read_bytes() + image.name.encode() + ours.encode()
    return paths.CACHE / f"uml-{hashlib.sha256(content).hexdigest()[:12]}"


def find(image: Path, gib: float) -> Path:
    """The finished base's folder. Raises Problem when it was not made."""
    if (unpacked := kernel.cached()) and (found := folder(image, unpacked, gib)).exists():
        return found
    raise Problem(f"the image {image.name} was not prepared for hosts with a kernel of their own", "run `lab up`")


def ensure(image: Path, gib: float, tell: Tell) -> Path:
    """The base's folder, built first if it is not there. Call with the cache locked. Raises Problem."""
    unpacked = kernel.ensure(image, tell)
    target = folder(image, unpacked, gib)
    if not target.exists():
        _check_space()
        tell(f"making the disk of hosts with a kernel of their own ({target.name}); this is done once")
        partial = target.with_suffix(".partial")
        try:
            _build(image, unpacked, gib, partial)
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return target


def _check_space() -> None:
    free = shutil.disk_usage(paths.CACHE).free / 2**30
    if free < NEEDED_GIB:
        raise Problem(
            f"{paths.CACHE} has {free:.1f} GiB free, a base for uml hosts needs {NEEDED_GIB}",
            "free some, or set FIREDRILL_CACHE to a folder on a larger disk",
        )


def _build(image: Path, unpacked: Path, gib: float, partial: Path) -> None:
    (partial / "lib").mkdir(parents=True)
    _portable_kernel(image, unpacked, partial)
    _add(partial / "added")
    (partial / "merged").mkdir()
    with open(partial / "root.ext4", "wb") as disk:
        os.truncate(disk.fileno(), int(gib * 2**30))
    run(
        [
            "setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--mount", "--fork", "--kill-child=KILL",
            "sh", "-c", MAKE, "make", str(partial), str(unpacked / "tree"), str(image),
        ]
    )  # fmt: skip
    (partial / "merged").rmdir()
    shutil.rmtree(partial / "added")


def _portable_kernel(image: Path, unpacked: Path, partial: Path) -> None:
    """The kernel with the image's loader and libc beside it, proven to start."""
    libraries = image / "usr/lib/x86_64-linux-gnu"
    try:
        shutil.copy(image / "lib64/ld-linux-x86-64.so.2", partial / "lib/ld.so")
        shutil.copy(libraries / "libc.so.6", partial / "lib/libc.so.6")
    except FileNotFoundError as error:
        raise Problem(f"the image has no libc ({error.filename})", "run `lab image --rebuild`") from None
    (partial / "linux").write_bytes(relocated((unpacked / "linux").read_bytes()))
    (partial / "linux").chmod(0o755)
    try:
        run(["env", f"--chdir={partial}", "./linux", "--version"])
    except CommandFailed as failed:
        raise Problem(
            f"the user-mode kernel does not start with the image's libc ({failed.said})",
            "run `lab image --rebuild` to get the current one",
        ) from None


def relocated(program: bytes) -> bytes:
    """The program with its loader and its library path replaced by ones below its working folder, in place."""
    for old, new in ((LOADER, LOADER_HERE), (LIBRARIES, LIBRARIES_HERE)):
        if program.count(old) != 1:
            raise Problem("the user-mode kernel is not linked as expected", f"remove {paths.CACHE}/kernel-uml-*")
        program = program.replace(old, new.ljust(len(old), b"\0"))
    return program


def _add(root: Path) -> None:
    for path, content in ADDED.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    (root / "usr/lib/firedrill/init").chmod(0o755)
    for path, target in LINKS.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)
    for path in UPDATED:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
        os.utime(root / path, (FAR, FAR))

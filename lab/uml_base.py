"""What user-mode Linux hosts boot from: a relocated kernel, and the image as one ext4 file.

One folder in the cache, named after its content: the image's packages, the kernel, our additions, the disk size.
Hosts write to a copy-on-write file on top of `root.ext4`, so it never changes once it has its name.

    linux           the kernel, relocated to use the loader and the libc in lib/, whatever libc this machine has
    lib/            loader and libc of the image
    root.ext4       the image with the kernel's modules and our additions
"""

import hashlib
import os
import shutil
from pathlib import Path

from firedrill.inventories.errors import Problem
from firedrill.lab import image as images
from firedrill.lab import kernel, paths
from firedrill.lab.guest import Tell
from firedrill.lab.run import CommandFailed, run

NEEDED_GIB = 3
# The paths of loader and libc in the kernel binary, and their replacements, relative to its working folder.
LOADER, LOADER_HERE = b"/lib64/ld-linux-x86-64.so.2\0", b"lib/ld.so"
LIBRARIES, LIBRARIES_HERE = b"\0/lib64:/lib\0", b"\0lib"
# Not needed here, and each process start takes a guest some 50 ms.
MASKED = (
    "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "modprobe@efi_pstore.service",
    "modprobe@configfs.service", "modprobe@drm.service", "modprobe@fuse.service", "sys-kernel-config.mount",
    "sys-fs-fuse-connections.mount", "systemd-network-generator.service", "systemd-udev-load-credentials.service",
    "kmod-static-nodes.service", "systemd-pstore.service",
)  # fmt: skip
INIT = """\
#!/bin/sh
# The second disk is a tar archive with the host's identity, unpacked before systemd reads its name and id.
once=
[ ! -s /etc/machine-id ] || once=--exclude=etc/hosts
tar -x -C / -f /dev/ubdb $once
# The name of the interface in a container, so that all else is the same.
ip link set vec0 name host0
exec /sbin/init "$@"
"""
UDEV_TRIGGER = """\
[Service]
# Without the 595 terminals of this kernel, which take seconds.
ExecStart=
ExecStart=udevadm trigger --action=add --subsystem-match=net --subsystem-match=block --subsystem-match=misc
"""
ADDED = {
    "usr/lib/firedrill/init": INIT,
    "etc/systemd/system/systemd-udev-trigger.service.d/firedrill.conf": UDEV_TRIGGER,
    "etc/modules-load.d/firedrill.conf": "softdog\n",
    # With this kernel's default an open watchdog cannot be closed: a leader that steps down would be reset.
    "etc/modprobe.d/firedrill.conf": "options softdog nowayout=0\n",
    # /dev/watchdog0, the kernel's own, needs a helper program on this machine; softdog works.
    "etc/tmpfiles.d/firedrill.conf": "L+ /dev/watchdog - - - - /dev/watchdog1\n",
}
LINKS = {f"etc/systemd/system/{unit}": "/dev/null" for unit in MASKED} | {
    # The request of `lab stop`.
    "etc/systemd/system/ctrl-alt-del.target": "/usr/lib/systemd/system/poweroff.target",
}
# Releases whose libc is older than the kernel needs (2.38). It then gets that of the default release's image.
OLD_LIBC = ("bookworm",)
# Newer than /usr, so that systemd skips what it does on the first boot after an update.
UPDATED = ("etc/.updated", "var/.updated")
FAR = 2_000_000_000
# In namespaces of its own, so that no mount and no process outlives it, even after SIGKILL.
MAKE = """\
set -e
mount -t overlay -o "lowerdir=$1/added:$2:$3" overlay "$1/merged"
mke2fs -q -F -t ext4 -m 0 -E lazy_itable_init=1,nodiscard -d "$1/merged" "$1/root.ext4"
"""


def folder(image: Path, unpacked: Path, gib: float) -> Path:
    """The folder of the base for this image, kernel and disk size, built or not."""
    ours = repr((sorted(ADDED.items()), sorted(LINKS.items()), MAKE, kernel.version(unpacked), gib))
    names = image.name if (libc := libc_of(image)) == image else image.name + libc.name
    content = (image / "var/lib/dpkg/status").read_bytes() + names.encode() + ours.encode()
    return paths.CACHE / f"uml-{hashlib.sha256(content).hexdigest()[:12]}"


def libc_of(image: Path) -> Path:
    """The image that the kernel's loader and libc come from."""
    return images.folder(bare=images.kind(image) == "bare") if images.release(image) in OLD_LIBC else image


def find(image: Path, gib: float) -> Path:
    """The folder of the finished base. Raises Problem if it was not built."""
    if (unpacked := kernel.cached()) and (found := folder(image, unpacked, gib)).exists():
        return found
    raise Problem(f"the image {image.name} was not prepared for uml hosts", "run `lab up`")


def ensure(image: Path, gib: float, tell: Tell) -> Path:
    """The folder of the base. Builds it if it is missing. Call with the cache locked. Raises Problem."""
    unpacked = kernel.ensure(image, tell)
    target = folder(image, unpacked, gib)
    if not target.exists():
        _check_space()
        tell(f"building the base disk of uml hosts ({target.name}); done once")
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
    _portable_kernel(libc_of(image), unpacked, partial)
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
    """Copy the kernel with the image's loader and libc, and check that it starts."""
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
            f"the user-mode kernel does not start with the image's libc ({failed.output})",
            "run `lab image --rebuild` to get the current one",
        ) from None


def relocated(program: bytes) -> bytes:
    """The program with its loader and library path replaced in place by paths relative to its working folder."""
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

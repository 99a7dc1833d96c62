"""User-mode Linux as hosts: a real kernel run as a process, with netem, softdog, a clock and a page cache of its own.

Needs no KVM. The kernel, its loader and its libc come from the cache (`uml_base`), so this machine's libc does not
matter. A host's disk is a copy-on-write file over the base; its identity is a tar archive, given as a second disk, so
nothing is mounted on this machine. When the guest powers itself off the process ends with 0; when it reboots, or its
watchdog fires, the process executes its own name, which is `uml-guest` and ends with 133; the supervisor tells the two
apart and starts a fresh kernel on the same disk.
"""

import hashlib
import io
import socket
import struct
import tarfile
from pathlib import Path

from firedrill.inventories.errors import Problem
from firedrill.lab import identity, image, network, supervise, uml_base
from firedrill.lab.guest import Guest, Tell
from firedrill.lab.run import run

NAME = Path(__file__).with_name("uml-guest")
COW_MAGIC = b"OOOM"
CONSOLE = "console"  # the folder of the management console, below the host's
MCONSOLE_MAGIC, MCONSOLE_VERSION, MCONSOLE_DATA = 0xCAFEBABE, 2, 512
POWER_BUTTON = b"cad"
KERNEL = (
    "con=null", "con0=null,fd:1", "seccomp=auto",
    "root=/dev/ubda", "rootfstype=ext4", "rw", "init=/usr/lib/firedrill/init",
)  # fmt: skip


def disk_of(guest: Guest) -> Path:
    """The file that is the host's disk, and is there once the host was made."""
    return guest.folder / "disk.cow"


def prepare(guests: list[Guest], image_: Path, tell: Tell) -> None:
    """Fetch the kernel and make the base for each size of disk, unless they are there."""
    with image.locked():
        for gib in sorted({guest.disk_gib for guest in guests}):
            uml_base.ensure(image_, gib, tell)


def boot(guest: Guest, image_: Path, authorized_key: str) -> None:
    """Start the kernel on the host's disk. It goes on when we end; its console is in the host's folder."""
    guest.folder.mkdir(parents=True, exist_ok=True)
    base = _base(guest, image_)
    _identify(guest, authorized_key)
    _plug(guest)
    # gro=1: buffers for frames of 64 KiB. Without, a peer's segmentation offload makes TCP crawl at 0.3 MB/s.
    arguments = [
        f"umid={CONSOLE}", f"uml_dir={guest.folder}/", f"mem={guest.memory_mib}M",
        f"ubd0={disk_of(guest)},{base / 'root.ext4'}", f"ubd1r={guest.folder / 'identity.tar'}",
        f"vec0:transport=tap,ifname={tap(guest.lab, guest.name)},gro=1,mac={_mac(guest)}", *KERNEL,
    ]  # fmt: skip
    # Only bash can name a program otherwise than its file.
    script = 'cd "$1" && shift && exec -a "$0" ./linux "$@"'
    supervise.start(guest, ["bash", "-c", script, str(NAME), str(base), *arguments])


def _base(guest: Guest, image_: Path) -> Path:
    """The base that the host's disk was made over; for a host without a disk the image's, noted for its next boots."""
    link = guest.folder / "base"
    if _complete(disk_of(guest), link / "root.ext4"):
        return link.resolve()
    if disk_of(guest).exists() and link.is_symlink() and not link.exists():
        raise Problem(
            f"the base of {guest.name}'s disk is gone from the cache ({link.readlink()})", "run `lab down` and `lab up`"
        )
    disk_of(guest).unlink(missing_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(uml_base.find(image_, guest.disk_gib))
    return link.resolve()


def _complete(disk: Path, base: Path) -> bool:
    """Whether the kernel that made the disk lived to the end of it: its last step is to give it its full length."""
    if not disk.exists() or not base.exists():
        return False
    with open(disk, "rb") as file:
        return file.read(len(COW_MAGIC)) == COW_MAGIC and disk.stat().st_size > base.stat().st_size


def _identify(guest: Guest, authorized_key: str) -> None:
    """Write the archive of the host's name, address, identity and keys; its id and host key last over restarts."""
    key = _host_key(guest)
    kept = guest.folder / "machine-id"
    lasting = identity.once(guest)
    if not kept.exists():
        _write(kept, lasting[identity.MACHINE_ID].encode())
    files = identity.every_boot(guest, authorized_key) | lasting
    files |= {
        identity.MACHINE_ID: kept.read_text(),
        identity.HOST_KEY: key.read_text(),
        f"{identity.HOST_KEY}.pub": host_key(guest),
    }
    _write(guest.folder / "identity.tar", archive(files))


def archive(files: dict[str, str]) -> bytes:
    """A tar archive of these files, all root's; what lies below .ssh, and private keys, for root's eyes only."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        folder = tarfile.TarInfo("root/.ssh")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o700
        tar.addfile(folder)
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content.encode())
            member.mode = 0o600 if path.startswith("root/.ssh/") or path == identity.HOST_KEY else 0o644
            tar.addfile(member, io.BytesIO(content.encode()))
    return buffer.getvalue()


def _write(file: Path, content: bytes) -> None:
    new = file.with_name(f"{file.name}.new")
    new.write_bytes(content)
    new.rename(file)


def _host_key(guest: Guest) -> Path:
    key = guest.folder / "ssh_host_key"
    if not key.with_suffix(".pub").exists():  # it is written last
        key.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", guest.name, "-f", str(key)])
    return key


def host_key(guest: Guest) -> str:
    """The host's public SSH key."""
    return (guest.folder / "ssh_host_key.pub").read_text()


def _digest(lab: str, name: str) -> str:
    return hashlib.sha256(f"{lab}/{name}".encode()).hexdigest()


def tap(lab: str, name: str) -> str:
    """This machine's end of the host's network link: at most 15 characters, and another one in each lab."""
    return f"{name[:8]}-{_digest(lab, name)[:6]}"


def _mac(guest: Guest) -> str:
    digest = _digest(guest.lab, guest.name)
    return ":".join(["02", *(digest[i : i + 2] for i in range(0, 10, 2))])


def _plug(guest: Guest) -> None:
    """Give the host a fresh network link on the lab's bridge."""
    clear(guest.lab, guest.name)
    link = tap(guest.lab, guest.name)
    run(["ip", "tuntap", "add", "dev", link, "mode", "tap"])
    run(["ip", "link", "set", "dev", link, "master", guest.bridge, "up"])


def clear(lab: str, name: str) -> None:
    """Remove what a host that is off leaves on this machine outside its folder: its end of the link."""
    if Path(f"/sys/class/net/{tap(lab, name)}").exists():
        run(["ip", "link", "delete", tap(lab, name)])


def init(guest: Guest) -> int | None:
    """The process that is the host's kernel, or None when the host is off."""
    for pid in guest.processes:
        try:
            name, *_ = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if name == bytes(NAME):
            return pid
    return None


def poweroff(guest: Guest) -> None:
    """Press the power button, and return at once. Off already, or not yet listening: nothing happens."""
    if init(guest):
        command(guest, POWER_BUTTON)


def command(guest: Guest, words: bytes) -> str:
    """Say one thing to the kernel's management console, past the host's network. Raises Problem when it refuses."""
    request = struct.pack(f"=III{MCONSOLE_DATA}s", MCONSOLE_MAGIC, MCONSOLE_VERSION, len(words), words)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.bind("")  # an address of the kernel's choosing, which leaves no file
        client.settimeout(5)
        try:
            client.sendto(request, str(guest.folder / CONSOLE / "mconsole"))
            answer = client.recv(4096)
        except OSError as error:
            raise Problem(f"{guest.name} does not hear its console ({error})", f"run `lab cut {guest.name}`") from None
    failed, _, length = struct.unpack_from("=III", answer)
    said = answer[12 : 12 + length].decode(errors="replace").strip("\0\n ")
    if failed:
        raise Problem(f"{guest.name} refused {words.decode()!r} ({said})", f"run `lab cut {guest.name}`")
    return said


def unplug(guest: Guest) -> None:
    """Nothing to do: a killed kernel tells nobody."""


def silence(guest: Guest, *, silent: bool) -> None:
    """Stop, or restart, all traffic from and to the host."""
    if init(guest):
        network.silence(tap(guest.lab, guest.name), silent=silent)

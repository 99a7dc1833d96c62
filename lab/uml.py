"""Hosts on user-mode Linux: a kernel that runs as a process, with its own netem, softdog, clock and page cache.

Needs no KVM. The kernel, its loader and its libc come from the cache (`uml_base`), so this machine's libc does not
matter. A host's disk is a copy-on-write file on top of the base. Its identity is a tar archive attached as a second
disk, so nothing is mounted on this machine. The third disk is its `data_disk`, if it has one. After a poweroff the
process exits with 0. After a reboot, or when the watchdog expires, it executes its own name, `uml-guest`, which exits
with 133: the supervisor then starts a new kernel on the same disk.
"""

import hashlib
import io
import socket
import struct
import tarfile
from pathlib import Path

from firedrill.inventories.errors import Problem
from firedrill.lab import disk, identity, image, network, supervise, uml_base
from firedrill.lab.guest import Guest, Tell
from firedrill.lab.run import run

NAME = Path(__file__).with_name("uml-guest")
COW_MAGIC = b"OOOM"
FSTAB = f"/dev/ubdc {{path}} ext4 {disk.SYNCED} 0 0\n"
CONSOLE = "console"  # folder of the management console, below the host's
MCONSOLE_MAGIC, MCONSOLE_VERSION, MCONSOLE_DATA = 0xCAFEBABE, 2, 512
POWER_BUTTON = b"cad"
KERNEL = (
    "con=null", "con0=null,fd:1", "seccomp=auto",
    "root=/dev/ubda", "rootfstype=ext4", f"rootflags={disk.SYNCED}", "rw", "init=/usr/lib/firedrill/init",
)  # fmt: skip


def disk_of(guest: Guest) -> Path:
    """The file that is the host's disk; exists once the host was created."""
    return guest.folder / "disk.cow"


def prepare(guests: list[Guest], image_: Path, tell: Tell) -> None:
    """Fetch the kernel and build the base for each disk size, if they are missing."""
    if uml_base.libc_of(image_) != image_:
        image.ensure(bare=image.kind(image_) == "bare", tell=tell)
    with image.locked():
        for gib in sorted({guest.disk_gib for guest in guests}):
            uml_base.ensure(image_, gib, tell)


def boot(guest: Guest, image_: Path, authorized_key: str) -> None:
    """Start the kernel on the host's disk. It survives this process; its console log is in the host's folder."""
    guest.folder.mkdir(parents=True, exist_ok=True)
    base = _base(guest, image_)
    _identify(guest, authorized_key)
    _plug(guest)
    # gro=1: buffers for frames of 64 KiB. Without it, segmentation offload at a peer slows TCP to 0.3 MB/s.
    arguments = [
        f"umid={CONSOLE}", f"uml_dir={guest.folder}/", f"mem={guest.memory_mib}M",
        f"ubd0={disk_of(guest)},{base / 'root.ext4'}", f"ubd1r={guest.folder / 'identity.tar'}",
        *_data_disk(guest, image_),
        f"vec0:transport=tap,ifname={tap(guest.lab, guest.name)},gro=1,mac={_mac(guest)}", *KERNEL,
    ]  # fmt: skip
    # Only bash can start a program under another name.
    script = 'cd "$1" && shift && exec -a "$0" ./linux "$@"'
    supervise.start(guest, ["bash", "-c", script, str(NAME), str(base), *arguments])


def _data_disk(guest: Guest, image_: Path) -> list[str]:
    """The argument that attaches the data disk; formatted at first, with the owner that its path has in the image."""
    if not guest.data_disk:
        return []
    file, path = guest.folder / "data.ext4", image_ / guest.data_disk["path"].lstrip("/")
    owner = f"{path.stat().st_uid}:{path.stat().st_gid}" if path.exists() else "0:0"
    disk.make(file, guest.data_disk["gib"], owner)
    return [f"ubd2={file}"]


def _base(guest: Guest, image_: Path) -> Path:
    """The base of the host's disk. For a host without a disk: the image's, recorded for its next boots."""
    link = guest.folder / "base"
    if _complete(disk_of(guest), link / "root.ext4"):
        return link.resolve()
    if disk_of(guest).exists() and link.is_symlink() and not link.exists():
        raise Problem(
            f"the base of {guest.name}'s disk is missing from the cache ({link.readlink()})",
            "run `lab down` and `lab up`",
        )
    disk_of(guest).unlink(missing_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(uml_base.find(image_, guest.disk_gib))
    return link.resolve()


def _complete(disk: Path, base: Path) -> bool:
    """Whether the kernel finished creating the disk: its last step is to extend it to the full length."""
    if not disk.exists() or not base.exists():
        return False
    with open(disk, "rb") as file:
        return file.read(len(COW_MAGIC)) == COW_MAGIC and disk.stat().st_size > base.stat().st_size


def _identify(guest: Guest, authorized_key: str) -> None:
    """Write the archive with the host's name, address and keys. Its machine id and host key survive restarts."""
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
    if guest.data_disk:
        files["etc/fstab"] = FSTAB.format(path=guest.data_disk["path"])
    _write(guest.folder / "identity.tar", archive(files))


def archive(files: dict[str, str]) -> bytes:
    """A tar archive of these files, owned by root; .ssh and private keys are readable by root only."""
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
    if not key.with_suffix(".pub").exists():  # written last
        key.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", guest.name, "-f", str(key)])
    return key


def host_key(guest: Guest) -> str:
    """The host's public SSH key."""
    return (guest.folder / "ssh_host_key.pub").read_text()


def _digest(lab: str, name: str) -> str:
    return hashlib.sha256(f"{lab}/{name}".encode()).hexdigest()


def tap(lab: str, name: str) -> str:
    """This machine's end of the host's network link: at most 15 characters, unique per lab."""
    return f"{name[:8]}-{_digest(lab, name)[:6]}"


def _mac(guest: Guest) -> str:
    digest = _digest(guest.lab, guest.name)
    return ":".join(["02", *(digest[i : i + 2] for i in range(0, 10, 2))])


def _plug(guest: Guest) -> None:
    """Connect the host to the lab's bridge with a new link."""
    clear(guest.lab, guest.name)
    link = tap(guest.lab, guest.name)
    run(["ip", "tuntap", "add", "dev", link, "mode", "tap"])
    run(["ip", "link", "set", "dev", link, "master", guest.bridge, "up"])


def clear(lab: str, name: str) -> None:
    """Remove what a host that is off leaves outside its folder: this machine's end of the link."""
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
    """Press the power button and return. Does nothing if the host is off, or still too early in its boot."""
    if init(guest):
        command(guest, POWER_BUTTON)


def command(guest: Guest, words: bytes) -> str:
    """Send a command to the kernel's management console, without the host's network. Raises Problem if it fails."""
    request = struct.pack(f"=III{MCONSOLE_DATA}s", MCONSOLE_MAGIC, MCONSOLE_VERSION, len(words), words)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.bind("")  # an automatic address, which leaves no file
        client.settimeout(5)
        try:
            client.sendto(request, str(guest.folder / CONSOLE / "mconsole"))
            answer = client.recv(4096)
        except OSError as error:
            raise Problem(
                f"the console of {guest.name} does not answer ({error})", f"run `lab cut {guest.name}`"
            ) from None
    failed, _, length = struct.unpack_from("=III", answer)
    text = answer[12 : 12 + length].decode(errors="replace").strip("\0\n ")
    if failed:
        raise Problem(f"{guest.name} refused {words.decode()!r} ({text})", f"run `lab cut {guest.name}`")
    return text


def unplug(guest: Guest) -> None:
    """Nothing to do: a killed kernel sends nothing to its peers."""


def silence(guest: Guest, *, silent: bool) -> None:
    """Stop or restart all traffic from and to the host."""
    if init(guest):
        network.silence(tap(guest.lab, guest.name), silent=silent)

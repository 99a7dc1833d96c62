"""chaosblade on every host, from a release that the user names: `pyinfra inventories/lab.py deploy/chaosblade.py`.

`chaosblade_archive` is a file or an address (http, https), `chaosblade_sha256` its checksum; nothing is fetched that
was not named. It is fetched and checked here, before any host is touched.
"""

import functools
import hashlib
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

import httpx
from pyinfra import host, state
from pyinfra.api import FactBase, FileUploadCommand, StringCommand, operation

from firedrill.deploy import topology
from firedrill.deploy.preflight import Refused, check_reached
from firedrill.inventories.errors import InventoryProblem, Problem

SECONDS = 60
ON_HOST = "/var/tmp/chaosblade.tar.gz"


def chaosblade() -> None:
    """Install the release on the host, unless it is there. The state of its experiments is kept."""
    try:
        hosts, data = topology.hosts(), topology.data()
        check_reached(hosts, {topology.plain(one.name) for one in state.failed_hosts})
        file = checked(data["chaosblade_archive"], data["chaosblade_sha256"])
    except Problem as problem:
        raise Refused(str(problem)) from None
    unpacked(
        name="Unpack chaosblade",
        file=str(file),
        checksum=data["chaosblade_sha256"],
        folder=data["chaosblade_folder"],
    )


@functools.cache
def checked(source: str, checksum: str) -> Path:
    """The archive on this machine. Raises Problem where it cannot be had, is another one, or holds no chaosblade."""
    if not source or not checksum:
        raise InventoryProblem(
            "no chaosblade was named", "give `chaosblade_archive` (a file or an address) and `chaosblade_sha256`"
        )
    file = _fetched(source) if source.startswith(("http://", "https://")) else Path(source).expanduser()
    if not file.is_file():
        raise InventoryProblem(f"there is no file {file}", "correct `chaosblade_archive`")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != checksum.lower():
        raise InventoryProblem(
            f"{source} has the SHA-256 {found}, wanted {checksum}", "fetch it again, or correct `chaosblade_sha256`"
        )
    _check_layout(source, file)
    return file


def _fetched(address: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="chaosblade-"))
    file = folder / "archive.tar.gz"
    try:
        with httpx.stream("GET", address, follow_redirects=True, timeout=SECONDS) as answer, open(file, "wb") as out:
            answer.raise_for_status()
            for piece in answer.iter_bytes():
                out.write(piece)
    except httpx.HTTPError as error:
        raise InventoryProblem(f"{address} cannot be fetched ({error})", "give another, or a file") from None
    return file


def _check_layout(source: str, file: Path) -> None:
    """One folder at the top, whatever its name, with `blade` in it."""
    try:
        with tarfile.open(file) as archive:
            names = [PurePosixPath(name).parts for name in archive.getnames()]
    except tarfile.TarError as error:
        raise InventoryProblem(f"{source} is no archive ({error})", "give a release's tar.gz") from None
    tops = {parts[0] for parts in names if parts}
    if len(tops) != 1 or (next(iter(tops)), "blade") not in names:
        raise InventoryProblem(f"{source} holds no FOLDER/blade", "give a release of chaosblade for this system")


class Installed(FactBase[str]):
    """The checksum of the archive that was unpacked there."""

    default = str

    def command(self, folder: str) -> str:
        return f"cat {folder}/.sha256 2>/dev/null || true"


@operation()
def unpacked(file: str, checksum: str, folder: str):
    """
    Have the archive's content in the folder, without the folder at its top.

    + file: the archive on this machine
    + checksum: its SHA-256, which is noted beside the program
    + folder: where it goes
    """
    if host.get_fact(Installed, folder=folder) == checksum:
        host.noop("this chaosblade is there")
        return
    yield FileUploadCommand(file, ON_HOST)
    yield StringCommand(
        f"mkdir -p {folder} && tar -xzf {ON_HOST} --strip-components=1 --no-same-owner -C {folder} && "
        f"{folder}/blade version >/dev/null && echo {checksum} > {folder}/.sha256 && rm {ON_HOST}"
    )


chaosblade()

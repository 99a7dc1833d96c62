"""A chaosblade release on this machine: fetched once per deploy, checked, and removed at the end.

A module of its own: pyinfra executes a deploy file once per host, and imports a module only once.
"""

import functools
import hashlib
import shlex
import tarfile
import tempfile
import threading
from pathlib import Path, PurePosixPath

import httpx

from firedrill.inventories.errors import InventoryProblem

SECONDS = 60
_one_at_a_time = threading.Lock()


def checked(source: str, checksum: str) -> Path:
    """The archive as a local file. Raises InventoryProblem if it is missing, another one, or not chaosblade."""
    with _one_at_a_time:
        return _checked(source, checksum)


@functools.cache
def _checked(source: str, checksum: str) -> Path:
    if not source or not checksum:
        raise InventoryProblem(
            "no chaosblade release is configured", "set `chaosblade_archive` (file or URL) and `chaosblade_sha256`"
        )
    file = _fetched(source) if source.startswith(("http://", "https://")) else Path(source).expanduser()
    if not file.is_file():
        raise InventoryProblem(f"no file {file}", "correct `chaosblade_archive`")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != checksum.lower():
        raise InventoryProblem(
            f"{source} has the SHA-256 {found}, wanted {checksum}", "fetch it again, or correct `chaosblade_sha256`"
        )
    _check_layout(source, file)
    return file


def unpacking(file: str, checksum: str, folder: str) -> str:
    """The shell command that unpacks an archive as root.

    Other users of the host can write where it was uploaded: it is checked again, as a copy that they cannot change.
    """
    to = shlex.quote(folder)
    return (
        f'own=$(mktemp -d) && trap \'rm -rf "$own"\' EXIT && cp -- {file} "$own/archive" && '
        f'echo "{checksum.lower()}  $own/archive" | sha256sum --check --status && '
        f'mkdir -p {to} && tar -xzf "$own/archive" --strip-components=1 --no-same-owner -C {to} && '
        f"{to}/blade version >/dev/null && echo {checksum} >{to}/.sha256 && rm -f -- {file}"
    )


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Removed when this process ends: pyinfra uploads the file after all hosts were planned."""
    return tempfile.TemporaryDirectory(prefix="chaosblade-")


def _fetched(url: str) -> Path:
    file = Path(_folder().name) / "archive.tar.gz"
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=SECONDS) as answer, open(file, "wb") as out:
            answer.raise_for_status()
            for piece in answer.iter_bytes():
                out.write(piece)
    except httpx.HTTPError as error:
        raise InventoryProblem(f"{url} cannot be fetched ({error})", "use another URL, or a file") from None
    return file


def _check_layout(source: str, file: Path) -> None:
    """One top-level folder, whatever its name, with `blade` in it."""
    try:
        with tarfile.open(file) as archive:
            names = [PurePosixPath(name).parts for name in archive.getnames()]
    except tarfile.TarError as error:
        raise InventoryProblem(f"{source} is not an archive ({error})", "use the tar.gz of a release") from None
    tops = {parts[0] for parts in names if parts}
    if len(tops) != 1 or (next(iter(tops)), "blade") not in names:
        raise InventoryProblem(f"{source} contains no FOLDER/blade", "use a release of chaosblade for this system")

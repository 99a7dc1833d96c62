"""chaosblade on every host, from a release that the user names: `pyinfra -y inventories/lab.py deploy/chaosblade.py`.

`chaosblade_archive` is a file or a URL (http, https), `chaosblade_sha256` its checksum. Nothing else is fetched. The
archive is fetched and checked on this machine before any host is touched.
"""

from pyinfra import host
from pyinfra.api import FactBase, FileUploadCommand, StringCommand, operation

from firedrill.deploy import release, topology
from firedrill.deploy.as_root import as_root
from firedrill.deploy.preflight.run import check_reached
from firedrill.deploy.refused import Refused
from firedrill.inventories import read
from firedrill.inventories.errors import Problem

ON_HOST = "/var/tmp/chaosblade.tar.gz"


def chaosblade() -> None:
    """Install the release on the host if it is missing. chaosblade's own records are kept."""
    as_root()
    try:
        check_reached()
        read.check(topology.path(), topology.hosts())
        data = topology.data()
        file = release.checked(data["chaosblade_archive"], data["chaosblade_sha256"])
    except Problem as problem:
        raise Refused(str(problem)) from None
    unpacked(
        name="Unpack chaosblade",
        file=str(file),
        checksum=data["chaosblade_sha256"],
        folder=data["chaosblade_folder"],
    )


class Installed(FactBase[str]):
    """The checksum of the archive that is installed."""

    default = str

    def command(self, folder: str) -> str:
        return f"cat {folder}/.sha256 2>/dev/null || true"


@operation()
def unpacked(file: str, checksum: str, folder: str):
    """
    Unpack the archive into the folder, without its top-level folder.

    + file: the archive on this machine
    + checksum: its SHA-256, recorded next to the program
    + folder: the destination
    """
    if host.get_fact(Installed, folder=folder) == checksum:
        host.noop("this release is installed")
        return
    yield FileUploadCommand(file, ON_HOST)
    yield StringCommand(release.unpacking(ON_HOST, checksum, folder))


chaosblade()

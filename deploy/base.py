"""What every host needs before its roles: names of all hosts, the checks that waits use, and all packages."""

from pathlib import Path

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation

from firedrill.deploy import gate, settings, topology, versions, wanted
from firedrill.deploy.monitoring import exporters
from firedrill.deploy.operations import files, packages
from firedrill.deploy.operations.files import HostFile
from firedrill.deploy.operations.waits import COMMAND

CHECK = Path(__file__).parent / "on_host" / "check.py"
OURS = "/^# BEGIN Firedrill/,/^# END Firedrill/"


def base() -> None:
    """Host names, files that must exist before the packages, and the packages of all roles in one apt run."""
    gate.through()
    named(name="Name all hosts in /etc/hosts", block=topology.render("hosts.j2", hosts=topology.hosts()))
    files.write(name="Write the files that must exist before the packages", files=_early_files())
    names = wanted.packages(
        topology.me(),
        versions.here().postgres,
        monitored=bool(topology.monitors()),
        without=exporters.unused(),
    )
    packages.installed(name="Install the packages of all roles", packages=names)


def _early_files() -> list[HostFile]:
    early = [HostFile(COMMAND, CHECK.read_text(), mode=0o755)]
    if topology.has("postgres"):
        early.append(HostFile(settings.COMMAND, settings.PROGRAM.read_text(), mode=0o755))
        # The package must not create a cluster: it would listen on port 5432.
        early.append(HostFile("/etc/postgresql-common/createcluster.conf", topology.render("createcluster.conf.j2")))
    return early


class OurNames(FactBase[str]):
    """Our block of /etc/hosts."""

    default = str

    def command(self) -> str:
        return f"sed -n '{OURS}p' /etc/hosts"


@operation()
def named(block: str):
    """
    Keep our block in /etc/hosts up to date; the rest of the file is not changed.

    + block: the lines, with the markers around them
    """
    if host.get_fact(OurNames) == block.strip():
        host.noop("all hosts are listed")
    else:
        yield StringCommand(f"sed -i '{OURS}d' /etc/hosts && cat >>/etc/hosts && sync /etc/hosts", _stdin=block.strip())

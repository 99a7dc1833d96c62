"""What every host has before its roles come: the packages of its roles, all hosts' names, the checks that waits use."""

from pathlib import Path

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation

from firedrill.deploy import topology
from firedrill.deploy.operations import files, packages
from firedrill.deploy.operations.files import HostFile
from firedrill.deploy.operations.waits import COMMAND

CHECK = Path(__file__).parent / "on_host" / "check.py"
OURS = "/^# BEGIN Firedrill/,/^# END Firedrill/"


def base() -> None:
    """Names, files that must be there before packages are, and the packages of all the host's roles at once."""
    named(name="Name all hosts in /etc/hosts", block=topology.render("hosts.j2", hosts=topology.hosts()))
    files.write(name="Write what must be there before the packages", files=_early_files())
    packages.installed(name="Install the packages of all roles", packages=_packages())


def _early_files() -> list[HostFile]:
    wanted = [HostFile(COMMAND, CHECK.read_text(), mode=0o755)]
    if topology.has("postgres"):
        # The package must not make a cluster of its own: it would sit on port 5432.
        wanted.append(HostFile("/etc/postgresql-common/createcluster.conf", topology.render("createcluster.conf.j2")))
    return wanted


def _packages() -> list[str]:
    data = topology.data()
    names = set(data["packages"]["all"])
    for role in topology.me().roles:
        names.update(name.format(postgres_version=data["postgres_version"]) for name in data["packages"][role])
    return sorted(names)


class OurNames(FactBase[str]):
    """Our block of /etc/hosts."""

    default = str

    def command(self) -> str:
        return f"sed -n '{OURS}p' /etc/hosts"


@operation()
def named(block: str):
    """
    Have our block in /etc/hosts, and leave the rest of the file alone.

    + block: the lines, with the markers around them
    """
    if host.get_fact(OurNames) == block.strip():
        host.noop("all hosts are named")
    else:
        yield StringCommand(f"sed -i '{OURS}d' /etc/hosts && cat >>/etc/hosts", _stdin=block.strip())

"""MySQL servers in a replication group: installed, initialized and started on all hosts, then joined to one group.

The first deploy forms the group, and only if no server was ever in one. Afterwards a keeper on each host
(deploy/on_host/group.py) joins its server whenever it is out of the group. After a total outage an operator decides.
"""

import uuid
from pathlib import Path

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation

from firedrill.deploy import gate, tls, topology
from firedrill.deploy.operations import files, packages, services, waits
from firedrill.deploy.operations.files import HostFile
from firedrill.inventories.mysql_literal import literal

RELEASE, PACKAGES = "sid", ["mysql-server"]
SOURCES = {
    "/etc/apt/sources.list.d/firedrill-mysql.sources": "mysql.sources.j2",
    "/etc/apt/preferences.d/firedrill-mysql": "mysql.pref.j2",
}
FOLDER = "/etc/firedrill/mysql"
KEEPER = "/usr/local/sbin/firedrill-group"
PROGRAM = Path(__file__).parent / "on_host" / "group.py"


def mysql() -> None:
    """Install MySQL, initialize its data folder, start it and the keeper."""
    gate.through()
    if not topology.has("mysqld"):
        return
    files.write(
        name="Write the package source of MySQL",
        files=[HostFile(path, topology.render(template)) for path, template in SOURCES.items()],
    )
    packages.installed(name="Install MySQL", packages=PACKAGES, release=RELEASE)
    configured = files.write(name="Write the MySQL configuration", files=_server_files(), units=["mysql"])
    initialized(
        name="Initialize MySQL's data folder",
        folder=datadir(),
        accounts=topology.render("mysql-accounts.sql.j2", **_values()),
    )
    services.running(name="Start MySQL", unit="mysql", changed=[configured], verb=services.AT_START)
    keeper = files.write(name="Write the keeper of the member", files=_keeper_files(), units=["firedrill-group"])
    services.running(name="Start the keeper", unit="firedrill-group", changed=[keeper], verb="restart")
    # One after the other, and each is a member again before the next: a restart must not cost the majority.
    services.applied(
        name="Restart MySQL member by member where its configuration changed",
        unit="mysql",
        changed=[configured],
        verb="restart",
        then=f"{waits.COMMAND} group_member '{{}}' --seconds {topology.data()['deadlines']['streaming']:g}",
        _serial=True,
    )


def group() -> None:
    """Form the group if it is new, and wait for its primary."""
    gate.through()
    if not topology.has("mysqld"):
        return
    if topology.me() == topology.first("mysqld"):
        formed(name="Form the group if no server was ever in one")
    _wait("Wait for the primary of the group", "group_primary", "leader")


def members() -> None:
    """Wait until every server is a member."""
    gate.through()
    if topology.has("mysqld"):
        _wait("Wait until the server is online in the group", "group_member", "streaming")


def _wait(name: str, check: str, deadline: str) -> None:
    waits.until(name=name, check=check, seconds=topology.data()["deadlines"][deadline], service="firedrill-group")


def datadir() -> str:
    """Not the folder of the package, whose server id all hosts would share."""
    return f"/var/lib/mysql/{topology.data()['cluster']}"


def _values() -> dict[str, object]:
    me, everyone = topology.me(), topology.members("mysqld")
    return {
        "datadir": datadir(),
        "tls": tls.FOLDER,
        "server_id": everyone.index(me) + 1,
        "group_name": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{topology.data()['cluster']}.firedrill")),
        "peers": {one.name: one.address for one in everyone if one != me},
        "passwords": topology.passwords(),
        "quoted": literal,
    }


def _server_files() -> list[HostFile]:
    pair = topology.certificates().of("mysqld", topology.me().name).issued
    return [
        HostFile("/etc/mysql/mysql.conf.d/zz-firedrill.cnf", topology.render("mysql.cnf.j2", **_values())),
        HostFile("/etc/systemd/system/mysql.service.d/firedrill.conf", topology.render("mysql.service.conf.j2")),
        tls.authority(),
        HostFile(f"{tls.FOLDER}/mysqld.crt", pair.cert.decode()),
        HostFile(f"{tls.FOLDER}/mysqld.key", pair.key.decode(), mode=0o600, user="mysql", group="mysql"),
    ]


def _keeper_files() -> list[HostFile]:
    return [
        HostFile(KEEPER, PROGRAM.read_text(), mode=0o755),
        HostFile(f"{FOLDER}/group.json", topology.render("mysql-group.json.j2", **_values())),
        HostFile(f"{FOLDER}/recovery.cnf", topology.render("mysql-recovery.cnf.j2", **_values()), mode=0o600),
        HostFile("/etc/systemd/system/firedrill-group.service", topology.render("firedrill-group.service.j2")),
    ]


class Initialized(FactBase[bool]):
    """Whether a data folder holds a server's tables."""

    default = bool

    def command(self, folder: str) -> str:
        return f"[ -d {folder}/mysql ] && echo yes || echo no"

    def process(self, output: list[str]) -> bool:
        return output == ["yes"]


@operation()
def initialized(folder: str, accounts: str):
    """
    Create a server's tables in its data folder, unless it has some; root logs in by the socket alone.

    + folder: the data folder
    + accounts: SQL, a statement a line, that leaves no trace in the binary log
    """
    if host.get_fact(Initialized, folder=folder):
        host.noop("the data folder is initialized")
        return
    root = (
        "INSTALL PLUGIN auth_socket SONAME 'auth_socket.so';\n"
        "ALTER USER 'root'@'localhost' IDENTIFIED WITH auth_socket;\n"
    )
    yield StringCommand(
        f"install -d -o mysql -g mysql -m 700 {folder} && file=$(mktemp) && trap 'rm -f $file' EXIT && cat >$file && "
        "chown mysql $file && mysqld --no-defaults --user=mysql --initialize-insecure "
        f"--datadir={folder} --init-file=$file --log-error=/var/log/mysql/initialize.log",
        _stdin=root + accounts,
    )


class HasHistory(FactBase[bool]):
    """Whether this server has transactions of a group."""

    default = bool

    def command(self) -> str:
        ask = "SELECT IF(@@gtid_executed = '', 'none', 'some')"
        return f'mysql --protocol=socket --batch --skip-column-names -e "{ask}" 2>/dev/null || echo none'

    def process(self, output: list[str]) -> bool:
        return output == ["some"]


@operation()
def formed():
    """
    Form the group, if neither this server nor another was ever in one.
    """
    if host.get_fact(HasHistory):
        host.noop("the server was in a group before")
    else:
        yield StringCommand(f"{KEEPER} bootstrap-if-fresh")

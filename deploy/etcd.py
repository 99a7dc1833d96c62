"""etcd: one member per host, a quorum before anything needs it, and never more than one member restarting.

With TLS nobody does anything without a certificate and a password: `patroni` writes its own keys, our probes
(`firedrill`) read them, `root` is used by the deploy alone.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation

from firedrill.deploy import gate, on_host, tls, topology
from firedrill.deploy.operations import files, services, waits
from firedrill.deploy.operations.files import HostFile
from firedrill.inventories import certificates, fencing
from firedrill.inventories.access import PROBE_USER, patroni_prefix
from firedrill.inventories.certificates import MEMBER
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.printable import printable

USERS = "/usr/local/sbin/firedrill-etcd-users"
USERS_FILE = "/etc/firedrill/etcd-users.json"
FENCE_USERS = {"judge": "fence", "witness": "fence-witness", "proxy": "fence-proxy"}
FENCE_SECRETS = {part: f"etcd_fence_{part}" for part in FENCE_USERS}
PROGRAM = Path(__file__).parent / "on_host" / "etcd_users.py"


def etcd() -> None:
    """Configure the member, start it, wait for the quorum, and ask everybody for a password."""
    gate.through()
    if not topology.has("etcd"):
        return
    # Read at each handshake: a renewed certificate restarts nothing.
    if pair := tls.pair("etcd", owner="etcd"):
        files.write(name="Write the certificate of etcd", files=pair)
    configured = files.write(name="Write the etcd configuration", files=_files(), units=["etcd"])
    # A first start waits for the other members, so all start at the same time. Later restarts go one by one (each
    # ends when the member is back): a changed setting must not cost the quorum.
    services.running(name="Start etcd", unit="etcd", verb=services.AT_START)
    services.applied(
        name="Restart etcd member by member where its configuration changed",
        unit="etcd",
        changed=[configured],
        verb="restart",
        _serial=True,
    )
    waits.until(
        name="Wait for the quorum of etcd",
        check="quorum",
        seconds=topology.data()["deadlines"]["quorum"],
        service="etcd",
        url=_url(),
    )
    if topology.data()["tls"] and topology.me() == topology.first("etcd"):
        _users()


def _url() -> str:
    return f"{topology.scheme()}://{topology.me().address}:{topology.data()['ports']['etcd']}"


def _files() -> list[HostFile]:
    ca, member_name = b"", ""
    if topology.data()["tls"]:
        ca = topology.certificates().ca.read_bytes()
        member_name = MEMBER if certificates.members_are_named(topology.certificates(), topology.hosts()) else ""
    digest = hashlib.sha256(ca).hexdigest()[:16]
    settings = topology.render("etcd.env.j2", member_name=member_name, ca_digest=digest)
    return [
        HostFile("/etc/default/etcd", settings),
        HostFile("/etc/systemd/system/etcd.service.d/firedrill.conf", topology.render("etcd.service.conf.j2")),
    ]


def _users() -> None:
    files.write(
        name="Write the users of etcd",
        files=[
            HostFile(USERS, PROGRAM.read_text(), mode=0o755),
            HostFile(USERS_FILE, json.dumps({"url": _url(), "users": users(), "retired": retired()}), mode=0o600),
        ],
    )
    users_only(name="Let only the users of etcd do anything")


def patroni_user() -> str:
    """Patroni's user, another one for each password.

    A user of etcd has one password, and a change ends its sessions: under one name Patroni would be locked out between
    the change and the reload of its configuration, and the leader would step down.
    """
    return f"patroni-{hashlib.sha256(topology.passwords()['etcd_patroni'].encode()).hexdigest()[:8]}"


def users() -> dict[str, dict[str, Any]]:
    """The users of etcd, with what they may do."""
    data, passwords = topology.data(), topology.passwords()
    prefix = patroni_prefix(data)
    return {
        "root": {"role": "root", "password": passwords["etcd_root"]},
        patroni_user(): {
            "role": "patroni",
            "password": passwords["etcd_patroni"],
            "grants": [{"prefix": prefix, "access": "READWRITE"}],
        },
        PROBE_USER: {
            "role": PROBE_USER,
            "password": passwords["etcd_firedrill"],
            "grants": [{"prefix": prefix, "access": "READ"}, *_of_fence("READ")],
        },
        **(_fence_users(prefix) if fencing.enabled(topology.hosts()) else {}),
    }


def _of_fence(access: str, *below: str) -> list[dict[str, str]]:
    """Access to the agents' keys, or to those below some folders; none without agents."""
    if not fencing.enabled(topology.hosts()):
        return []
    prefix = fencing.prefix(topology.data())
    return [{"prefix": prefix + folder, "access": access} for folder in below or ("",)]


def _fence_users(patroni: str) -> dict[str, dict[str, Any]]:
    """The users of the agents: a judge may delete the leader key, a witness only say something, a proxy less."""
    observes, reads = {"prefix": patroni, "access": "READ"}, _of_fence("READ")
    released = [{"key": patroni + name, "access": "WRITE"} for name in ("leader", "sync")]
    grants = {
        "judge": [observes, *released, *_of_fence("READWRITE")],
        "witness": [observes, *reads, *_of_fence("WRITE", "seen/", "acks/")],
        "proxy": [*reads, *_of_fence("WRITE", "proxies/", "proxy-acks/")],
    }
    return {
        name: {"role": name, "password": topology.passwords()[FENCE_SECRETS[part]], "grants": grants[part]}
        for part, name in FENCE_USERS.items()
    }


def fence_login(part: str) -> dict[str, str]:
    """The user and password of an agent with this part."""
    return {"user": FENCE_USERS[part], "password": topology.passwords()[FENCE_SECRETS[part]]}


def retired() -> list[str]:
    """The users, each with a role of its own name, that a deploy with other settings may have created."""
    return [] if fencing.enabled(topology.hosts()) else list(FENCE_USERS.values())


def superseded_users() -> None:
    """Remove the users whose passwords nobody uses any more, at the end of a deploy to all hosts."""
    gate.through()
    if topology.data()["tls"] and topology.me() == topology.first("etcd") and topology.complete():
        current_only(name="Remove the superseded users of etcd")


def refuse_foreign_users() -> None:
    """Look for users of etcd that Firedrill did not make, before any change. Raises InventoryProblem."""
    if not topology.has("etcd") or not topology.data()["tls"]:
        return
    if found := host.get_fact(ForeignUsers):
        raise InventoryProblem(
            f"etcd on {topology.me().name} has users that Firedrill did not create, and that can change Patroni's "
            f"settings, and so run commands on the databases: {printable('; '.join(found))}",
            f"find their owner, remove them (`etcdctl --user root user delete {printable(found[0].split()[0])}`,"
            " docs/security.md)",
        )


class ForeignUsers(FactBase[list[str]]):
    """The users of etcd that are not ours and may write what Patroni reads, with what they may do."""

    default = list

    def command(self) -> str:
        return f"if [ -e {USERS_FILE} ]; then {on_host.command(PROGRAM, '--foreign')} 2>/dev/null; fi; true"

    def process(self, output: list[str]) -> list[str]:
        return output


class Superseded(FactBase[list[str]]):
    """The users of etcd with an older password."""

    default = list

    def command(self) -> str:
        return f"if [ -x {USERS} ]; then {USERS} --superseded 2>/dev/null; fi; true"

    def process(self, output: list[str]) -> list[str]:
        return output


@operation()
def current_only():
    """Remove the users of etcd with an older password."""
    if host.get_fact(Superseded):
        yield StringCommand(USERS, "--remove-superseded")
    else:
        host.noop("no user of etcd is superseded")


class UsersOnly(FactBase[bool]):
    """Whether etcd's users and roles are those wanted, and authentication is enabled."""

    default = bool

    def command(self) -> str:
        return f"if [ -x {USERS} ] && {USERS} --check >/dev/null 2>&1; then echo yes; else echo no; fi"

    def process(self, output: list[str]) -> bool:
        return output[-1:] == ["yes"]


@operation()
def users_only():
    """Create etcd's users and roles, and enable authentication."""
    if host.get_fact(UsersOnly):
        host.noop("only the users of etcd may do anything")
    else:
        yield StringCommand(USERS)

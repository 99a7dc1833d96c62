"""The agents of fenced failover (docs/fencing.md): on etcd hosts, databases and proxies, or on none.

An agent is started last, when the cluster works, and is never needed for it: without agents Patroni fails over by its
own timeouts.
"""

import json
from typing import Any

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation

from firedrill import package
from firedrill.deploy import gate, tls, topology
from firedrill.deploy.etcd import fence_login
from firedrill.deploy.operations import files, services, waits
from firedrill.deploy.operations.files import HostFile
from firedrill.inventories import fencing
from firedrill.inventories.access import patroni_prefix
from firedrill.inventories.fencing import UNIT

LIBRARY = "/usr/local/lib/firedrill"
CONFIG = "/etc/firedrill/fence.json"
SERVICE = f"/etc/systemd/system/{UNIT}.service"
# Discard, which nobody offers: where every process hangs, its kernel still refuses a connection.
CLOSED_PORT = 9
TABLE = "ip firedrill_fence"


def fence() -> None:
    """Install and start the agent of this host; with `fence` off, remove that of an earlier deploy."""
    gate.through()
    if not fencing.parts(topology.me()):
        return
    if not fencing.enabled(topology.hosts()):
        removed(name="Remove the fence agent of an earlier deploy")
        return
    configured = files.write(name="Write the fence agent and its configuration", files=_files(), units=[UNIT])
    services.running(name="Start the fence agent", unit=UNIT, changed=[configured], verb="restart")


def fencing_works() -> None:
    """Wait until the agent of this host reaches etcd and can do its part."""
    gate.through()
    if fencing.enabled(topology.hosts()) and fencing.parts(topology.me()):
        seconds = topology.data()["deadlines"]["fence"]
        waits.until(name="Wait until the fence agent works", check="fence", seconds=seconds, service=UNIT)


def _files() -> list[HostFile]:
    sources = sorted(package.file("fence").glob("*.py"))
    return [
        *tls.pair(fencing.CERTIFICATE),
        # An empty package of that name: on a host there is nothing else of it.
        HostFile(f"{LIBRARY}/firedrill/__init__.py", ""),
        *(HostFile(f"{LIBRARY}/firedrill/fence/{one.name}", one.read_text()) for one in sources),
        HostFile(CONFIG, json.dumps(_config(), indent=1), mode=0o600),
        HostFile(SERVICE, topology.render(f"{UNIT}.service.j2", library=LIBRARY)),
    ]


def _config() -> dict[str, Any]:
    """What fence/config.py reads."""
    data, me = topology.data(), topology.me()
    ports, parts, databases = data["ports"], fencing.parts(me), topology.members("postgres")
    of_ssh = sorted({one.data.get("ssh_port") or 22 for one in databases})
    members = sorted(topology.members("etcd"), key=lambda one: one != me)
    login = fence_login(parts[0]) if data["tls"] else {}
    power = {"power": data["fence_power"], "power_seconds": data["fence_power_seconds"]}
    return {
        "host": me.name,
        "mode": data["fence"],
        "roles": parts,
        "judges": [one.name for one in topology.members("etcd")],
        "addresses": {one.name: one.address for one in databases},
        "ports": [ports["postgres"], ports["patroni"], *of_ssh, CLOSED_PORT],
        "refused_ports": {"postgres": ports["postgres"], "patroni": ports["patroni"]},
        "etcd": [f"{topology.scheme()}://{one.address}:{ports['etcd']}" for one in members],
        "patroni_prefix": patroni_prefix(data),
        "prefix": fencing.prefix(data),
        "misses": data["fence_misses"],
        "interval_ms": data["fence_interval_ms"],
        "chaos_allowed": bool(data.get("chaos_allowed")),
        "without_refusal": data["fence_unsafe_without_refusal"],
        **(power if data["fence"] == fencing.POWER and "judge" in parts else {}),
        **login,
    }


class Left(FactBase[bool]):
    """Whether anything of an agent is on the host."""

    default = bool

    def command(self) -> str:
        return f"for f in {CONFIG} {SERVICE} {LIBRARY}/firedrill/fence; do [ -e $f ] && echo yes; done; true"

    def process(self, output: list[str]) -> bool:
        return "yes" in output


@operation()
def removed():
    """Stop the agent and delete its files and rules. Its keys in etcd end with their leases."""
    if not host.get_fact(Left):
        host.noop("there is no fence agent")
        return
    pair = f"{topology.TLS_FOLDER}/{fencing.CERTIFICATE}"
    yield StringCommand(f"systemctl disable --now --quiet {UNIT} 2>/dev/null; true")
    yield StringCommand(f"nft delete table {TABLE} 2>/dev/null; true")
    yield StringCommand(
        f"rm -rf {LIBRARY}/firedrill {CONFIG} {SERVICE} {pair}.crt {pair}.key /run/firedrill/fence"
        f" {files.UNAPPLIED}/{UNIT} && systemctl daemon-reload"
    )

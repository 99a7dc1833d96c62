"""The proxies: a write port, a read port and HTTP on each, and a floating address held by a working one."""

from pyinfra import host
from pyinfra.api import FactBase

from firedrill.deploy import topology
from firedrill.deploy.operations import files, services, waits
from firedrill.deploy.operations.files import HostFile


def haproxy() -> None:
    """Configure and start HAProxy, and keepalived if the inventory has a floating address."""
    if not topology.has("proxy"):
        return
    configured = files.write(
        name="Write the HAProxy configuration",
        files=[HostFile("/etc/haproxy/haproxy.cfg", topology.render("haproxy.cfg.j2"))],
        units=["haproxy"],
    )
    services.running(name="Start HAProxy", unit="haproxy", changed=[configured])
    if topology.data().get("vip"):
        _keepalived()


def _keepalived() -> None:
    me = topology.me()
    interface = host.get_fact(InterfaceOf, address=me.address)
    configured = files.write(
        name="Write the keepalived configuration",
        files=[
            HostFile("/etc/keepalived/keepalived.conf", topology.render("keepalived.conf.j2", interface=interface)),
            HostFile("/etc/keepalived/check-haproxy", topology.render("check-haproxy.sh.j2"), mode=0o755),
        ],
        units=["keepalived"],
    )
    services.running(name="Start keepalived", unit="keepalived", changed=[configured])


def answering() -> None:
    """Wait until each proxy reaches the databases, and the floating address answers."""
    if not topology.has("proxy"):
        return
    ports, deadline, me = topology.data()["ports"], topology.data()["deadlines"]["proxy"], topology.me()
    for purpose in ("write", "read"):
        waits.until(
            name=f"Wait until PostgreSQL answers at HAProxy's {purpose} port",
            check="postgres",
            seconds=deadline,
            service="haproxy",
            address=me.address,
            port=ports[purpose],
        )
    if vip := topology.data().get("vip"):
        waits.until(
            name="Wait until the floating address answers",
            check="answers",
            seconds=deadline,
            service="keepalived",
            url=f"http://{vip}:{ports['haproxy_stats']}/healthz",
        )


class InterfaceOf(FactBase[str]):
    """The network interface that holds an address."""

    default = str

    def command(self, address: str) -> str:
        return f"ip -o -4 address show to {address}/32"

    def process(self, output: list[str]) -> str:
        return output[0].split()[1]

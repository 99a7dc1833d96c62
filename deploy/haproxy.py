"""The proxies: a write port, a read port and HTTP on each, and a floating address held by a working one."""

import base64
import hashlib
import string

import bcrypt
from pyinfra import host
from pyinfra.api import FactBase

from firedrill.deploy import gate, systems, tls, topology, vrrp
from firedrill.deploy.operations import files, services, waits
from firedrill.deploy.operations.files import HostFile
from firedrill.inventories.access import PROBE_USER

LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits
BCRYPT_BYTES = 72  # of a longer password, HAProxy's crypt(3) compares these
# From the alphabet of base64 to that of bcrypt.
TO_BCRYPT = bytes.maketrans(f"{LETTERS}+/".encode(), f"./{LETTERS}".encode())


def haproxy() -> None:
    """Configure and start HAProxy, and keepalived if the inventory has a floating address."""
    gate.through()
    if not topology.has("proxy"):
        return
    data = topology.data()
    system = systems.current()
    login = {}
    if data["tls"]:
        login = {"stats_user": PROBE_USER, "stats_hash": hashed(topology.passwords()["haproxy_stats"])}
    config = topology.render(system.proxy_template, **system.proxy_values, **login)
    configured = files.write(
        name="Write the HAProxy configuration",
        files=[
            *tls.bundle("proxy"),
            HostFile("/etc/haproxy/haproxy.cfg", config, mode=0o640),
        ],
        units=["haproxy"],
    )
    services.running(name="Start HAProxy", unit="haproxy", changed=[configured])
    if data.get("vip"):
        _keepalived()


def hashed(password: str) -> str:
    """The hash that HAProxy compares with (bcrypt). The salt is derived from the password: every run gives the same.

    The password is random, so the least of rounds is enough; observers log in five times a second.
    """
    salt = base64.b64encode(hashlib.sha256(f"haproxy:{password}".encode()).digest()[:16]).rstrip(b"=")
    return bcrypt.hashpw(password.encode()[:BCRYPT_BYTES], b"$2b$04$" + salt.translate(TO_BCRYPT)).decode()


def _keepalived() -> None:
    vrrp.filtered()
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
    gate.through()
    if not topology.has("proxy"):
        return
    ports, deadline, me = topology.data()["ports"], topology.data()["deadlines"]["proxy"], topology.me()
    system = systems.current()
    for purpose in ("write", "read"):
        waits.until(
            name=f"Wait until {system.server} answers at HAProxy's {purpose} port",
            check=system.check,
            seconds=deadline,
            service="haproxy",
            address=me.address,
            port=ports[purpose],
            tls=topology.data()["tls"],
        )
    if vip := topology.data().get("vip"):
        waits.until(
            name="Wait until the floating address answers",
            check=system.check,
            seconds=deadline,
            service="keepalived",
            address=vip,
            port=ports["write"],
            tls=topology.data()["tls"],
        )


class InterfaceOf(FactBase[str]):
    """The network interface that holds an address."""

    default = str

    def command(self, address: str) -> str:
        return f"ip -o -4 address show to {address}/32"

    def process(self, output: list[str]) -> str:
        return output[0].split()[1]

"""What Prometheus collects, from the inventory: the exporters and services of each host, and probes from outside."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from firedrill.deploy import topology, versions
from firedrill.inventories import releases
from firedrill.inventories.read import Host

# Most of HAProxy's metrics are those of its servers, of which few matter.
DROPPED_OF_HAPROXY = (
    "go_.*|haproxy_server_(bytes|cache|connect|cookie|queue|http|idle|internal|max|redispatch|retry|safe|unsafe|used|need"
    "|uweight|weight|total_time|client|server|loadbalanced|session|current_throttle|limit|last|failed|responses_denied"
    "|check_duration|check_code|check_last|agent).*"
)
# Exporters of Debian 12 for nginx cannot ask for a certificate, so they are not deployed there.
NGINX_EXPORTER = "trixie"
# A probe is a handshake, which costs Patroni some milliseconds.
PATRONI_SECONDS, CERTIFICATE_SECONDS = 15, 60


class Target(NamedTuple):
    """Where a host is asked."""

    host: str
    address: str


class Job(NamedTuple):
    """Metrics of one kind of service; those whose names match `dropped` are not kept."""

    name: str
    targets: list[Target]
    dropped: str = ""
    login: bool = False


class Probe(NamedTuple):
    """What the blackbox exporter tries, with one of its modules; every `seconds`, by default as often as all else."""

    name: str
    module: str
    targets: list[Target]
    seconds: int = 0


def jobs() -> list[Job]:
    """The services with metrics of their own. Those without a host are left out."""
    members, monitors = topology.members, topology.monitors()
    found = [
        Job("node", _at(topology.hosts(), "node_exporter"), "go_.*|promhttp_.*"),
        Job("etcd", _at(members("etcd"), "etcd"), "go_.*|grpc_.*|etcd_debugging_.*"),
        Job("patroni", _at(members("postgres"), "patroni")),
        Job("postgres", _at(members("postgres"), "postgres_exporter"), "go_.*|promhttp_.*"),
        Job("haproxy", _at(members("proxy"), "haproxy_metrics"), DROPPED_OF_HAPROXY),
        Job("nginx", _at(nginx_hosts(), "nginx_exporter"), "go_.*|promhttp_.*"),
        Job("prometheus", _at(monitors, "prometheus"), "go_.*|prometheus_(sd|http|tsdb_compaction)_.*", login=True),
        Job("alertmanager", _at(monitors, "alertmanager"), "go_.*", login=True),
        Job("blackbox", [Target(topology.me().name, f"127.0.0.1:{topology.data()['ports']['blackbox_exporter']}")]),
    ]
    return [job for job in found if job.targets]


def probes() -> list[Probe]:
    """What clients and administrators would notice, tried from here."""
    ports = topology.data()["ports"]
    fronts = [Target(one.name, one.address) for one in topology.members("proxy")]
    if vip := topology.data().get("vip"):
        fronts.append(Target("", vip))
    patroni = [Target(one.name, f"https://{one.address}:{ports['patroni']}") for one in topology.members("postgres")]
    found = [
        Probe("app", "app", _under(fronts, lambda at: f"https://{at}:{ports['https']}/cities")),
        Probe("write_port", "tcp", _under(fronts, lambda at: f"{at}:{ports['write']}")),
        Probe("read_port", "tcp", _under(fronts, lambda at: f"{at}:{ports['read']}")),
        Probe("failsafe", "failsafe", _under(patroni, lambda at: f"{at}/failsafe"), PATRONI_SECONDS),
        Probe("watchdog", "watchdog", _under(patroni, lambda at: f"{at}/patroni"), PATRONI_SECONDS),
        Probe("certificate", "tls", list(_certificates()), CERTIFICATE_SECONDS),
    ]
    return [probe for probe in found if probe.targets]


def nginx_hosts() -> list[Host]:
    """The app hosts with an exporter for nginx. One that is not part of this run has the release of the inventory."""
    known = versions.known()
    return [
        one
        for one in topology.members("app")
        if (known[one.name].release if one.name in known else _release(one)).codename == NGINX_EXPORTER
    ]


def _release(one: Host) -> releases.Release:
    return releases.named(one.data["release"] or one.made_by.get("release"))


# By role: the ports where a host shows the certificate of that role. PostgreSQL's is also Patroni's.
CERTIFIED = {"etcd": "etcd", "postgres": "patroni", "proxy": "https", "app": "weather", "monitor": "prometheus"}


def _certificates() -> Iterator[Target]:
    for one in topology.hosts():
        for role, port in (*CERTIFIED.items(), ("", "node_exporter")):
            if role in ("", *one.roles):
                yield from _at([one], port)


def _at(hosts: Iterable[Host], port: str) -> list[Target]:
    return [Target(one.name, f"{one.address}:{one.data['ports'][port]}") for one in hosts]


def _under(targets: list[Target], path: Callable[[str], str]) -> list[Target]:
    return [Target(one.host, path(one.address)) for one in targets]

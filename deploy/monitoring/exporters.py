"""The exporters of every host of a monitored cluster. Each answers only clients that show a certificate of the CA."""

from firedrill.deploy import gate, tls, topology
from firedrill.deploy.monitoring import targets
from firedrill.deploy.operations import files, services
from firedrill.deploy.operations.files import HostFile

FOLDER = "/etc/firedrill/monitoring"
WEB = f"{FOLDER}/web.yml"
OWNER = "prometheus"  # the user of all packages of Prometheus
# PostgreSQL knows it by the peer of its local socket: there is no password.
SQL_USER = "prometheus"
NODE, POSTGRES, NGINX = (f"prometheus-{name}-exporter" for name in ("node", "postgres", "nginx"))
# The collectors whose metrics the rules and dashboards use; all others are off.
COLLECTORS = (
    "cpu", "diskstats", "filesystem", "loadavg", "meminfo", "netdev", "netstat", "pressure", "stat", "textfile", "time",
    "timex", "uname", "vmstat",
)  # fmt: skip
# Unlike the default, with overlay: the root of a container.
NO_DISKS = "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs|tmpfs)$"  # noqa: E501


def exporters() -> None:
    """Configure and start the exporters of the current host, if the cluster is monitored."""
    gate.through()
    if not topology.monitors():
        return
    files.write(
        name="Write the certificate of the exporters",
        files=[*tls.pair("exporter", owner=OWNER), HostFile(WEB, web("the exporters", "exporter"))],
    )
    for unit, arguments, environment in _units():
        configured = files.write(
            name=f"Write the arguments of {unit}",
            files=[arguments_file(unit, arguments, environment)],
            units=[unit],
        )
        services.running(name=f"Start {unit}", unit=unit, changed=[configured], verb="restart")


def unused() -> tuple[str, ...]:
    """The packages that the current host must not have: their services would answer everybody."""
    return () if topology.me() in targets.nginx_hosts() else (NGINX,)


def web(what: str, role: str, login_hash: str = "") -> str:
    """The configuration of a listener: a password if there is a hash of one, otherwise a client certificate."""
    return topology.render("monitoring/web.yml.j2", what=what, role=role, login_hash=login_hash)


def arguments_file(unit: str, arguments: list[str], environment: dict[str, str] | None = None) -> HostFile:
    """The arguments of a unit of Debian's packages."""
    content = topology.render("monitoring/arguments.j2", unit=unit, arguments=arguments, environment=environment or {})
    return HostFile(f"/etc/default/{unit}", content)


def listening(port: str) -> list[str]:
    """The arguments of an exporter that listens on the port of this name."""
    return [f"--web.config.file={WEB}", f"--web.listen-address=:{topology.data()['ports'][port]}"]


def _units() -> list[tuple[str, list[str], dict[str, str]]]:
    """Unit, arguments and environment of the exporters of the current host."""
    found: list[tuple[str, list[str], dict[str, str]]] = [(NODE, [*listening("node_exporter"), *_collectors()], {})]
    if topology.has("postgres"):
        source = {"DATA_SOURCE_NAME": f"user={SQL_USER} host=/var/run/postgresql dbname=postgres"}
        found.append((POSTGRES, [*listening("postgres_exporter"), "--disable-settings-metrics"], source))
    if topology.me() in targets.nginx_hosts():
        me, port = topology.me(), topology.data()["ports"]["weather"]
        nginx = [
            f"--nginx.scrape-uri=https://{me.address}:{port}/nginx_status",
            f"--nginx.ssl-ca-cert={tls.FOLDER}/ca.crt",
            "--nginx.ssl-verify",
        ]
        found.append((NGINX, [*listening("nginx_exporter"), *nginx], {}))
    return found


def _collectors() -> list[str]:
    return [
        "--collector.disable-defaults",
        *(f"--collector.{name}" for name in COLLECTORS),
        "--collector.netdev.address-info",
        f"--collector.filesystem.fs-types-exclude={NO_DISKS}",
    ]

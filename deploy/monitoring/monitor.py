"""Prometheus, Alertmanager and the blackbox exporter on the hosts of the group `monitor`."""

from firedrill import package
from firedrill.deploy import gate, haproxy, tls, topology, versions
from firedrill.deploy.monitoring import dashboards, exporters, rules, targets
from firedrill.deploy.operations import files, services, waits
from firedrill.deploy.operations.files import HostFile

FOLDER = "/etc/prometheus"
# Filled by Prometheus itself, and served at /consoles/cluster.html.
PAGE = "templates/monitoring/cluster.html"
DATA = "/var/lib/prometheus"
PROMETHEUS, ALERTMANAGER, BLACKBOX = "prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter"
# A certificate that ends in less than this part of `renew_days` was not renewed when it should have been.
OVERDUE = 2 / 3
DAY_S = 86_400


def monitor() -> None:
    """Configure and start what monitors the cluster, on the hosts that do."""
    gate.through()
    if topology.me() not in topology.monitors():
        return
    files.write(
        name="Write the certificate of the monitoring",
        files=[*tls.pair("monitor", owner=exporters.OWNER), *_secrets(), *dashboards.files()],
    )
    for unit, configuration in ((BLACKBOX, _blackbox()), (ALERTMANAGER, _alertmanager()), (PROMETHEUS, _prometheus())):
        configured = files.write(name=f"Write the configuration of {unit}", files=configuration, units=[unit])
        services.running(name=f"Start {unit}", unit=unit, changed=[configured], verb="restart")


def watching() -> None:
    """Wait until Prometheus and Alertmanager are ready."""
    gate.through()
    if topology.me() not in topology.monitors():
        return
    for unit, port in ((PROMETHEUS, "prometheus"), (ALERTMANAGER, "alertmanager")):
        waits.until(
            name=f"Wait until {unit} is ready",
            check="monitor",
            seconds=topology.data()["deadlines"]["monitor"],
            service=unit,
            url=f"https://{topology.me().address}:{topology.data()['ports'][port]}/-/ready",
            password_file=f"{FOLDER}/password",
        )


def _mine(name: str, content: str, mode: int = 0o640) -> HostFile:
    """A file that the services of the monitoring may read, and nobody else."""
    return HostFile(f"{FOLDER}/{name}", content, mode=mode, group=exporters.OWNER)


def _secrets() -> list[HostFile]:
    """Read anew for each connection: a new password restarts nothing."""
    passwords = topology.passwords()
    hashed = haproxy.hashed(passwords["monitor"])
    return [
        _mine("web.yml", exporters.web("Prometheus and Alertmanager", "monitor", hashed)),
        _mine("password", passwords["monitor"]),
        _mine("webhook", passwords["monitor_webhook"]),
        HostFile(f"{FOLDER}/web-local.yml", exporters.web("the blackbox exporter", "monitor")),
    ]


def _blackbox() -> list[HostFile]:
    port = topology.data()["ports"]["blackbox_exporter"]
    arguments = [
        f"--config.file={FOLDER}/blackbox.yml",
        f"--web.config.file={FOLDER}/web-local.yml",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    configuration = HostFile(f"{FOLDER}/blackbox.yml", topology.render("monitoring/blackbox.yml.j2"))
    return [configuration, exporters.arguments_file(BLACKBOX, arguments)]


def _alertmanager() -> list[HostFile]:
    configuration = topology.render("monitoring/alertmanager.yml.j2", folder=FOLDER)
    return [
        _mine("alertmanager.yml", configuration),
        HostFile(f"{FOLDER}/cluster-tls.yml", topology.render("monitoring/cluster-tls.yml.j2")),
        exporters.arguments_file(
            ALERTMANAGER,
            [
                f"--config.file={FOLDER}/alertmanager.yml",
                f"--storage.path={DATA}/alertmanager",
                *_listener("alertmanager"),
                *_cluster(),
            ],
        ),
    ]


def _listener(port: str) -> list[str]:
    me, number = topology.me(), topology.data()["ports"][port]
    return [
        f"--web.config.file={FOLDER}/web.yml",
        f"--web.listen-address=:{number}",
        f"--web.external-url=https://{me.address}:{number}/",
    ]


def _cluster() -> list[str]:
    """Two Alertmanagers tell each other what was sent; a single one listens to nobody."""
    me, port = topology.me(), topology.data()["ports"]["alertmanager_cluster"]
    others = [one for one in topology.monitors() if one != me]
    if not others:
        return ["--cluster.listen-address="]
    return [
        f"--cluster.listen-address={me.address}:{port}",
        f"--cluster.tls-config={FOLDER}/cluster-tls.yml",
        *(f"--cluster.peer={one.address}:{one.data['ports']['alertmanager_cluster']}" for one in others),
    ]


def _prometheus() -> list[HostFile]:
    data = topology.data()
    configuration = topology.render(
        "monitoring/prometheus.yml.j2",
        folder=FOLDER,
        jobs=targets.jobs(),
        probes=targets.probes(),
        alertmanagers=[f"{one.address}:{one.data['ports']['alertmanager']}" for one in topology.monitors()],
    )
    return [
        _mine("prometheus.yml", configuration),
        HostFile(f"{FOLDER}/rules/settings.yml", topology.render("monitoring/settings.yml.j2", settings=_settings())),
        HostFile(f"{FOLDER}/pages/cluster.html", package.file(PAGE).read_text()),
        *(HostFile(f"{FOLDER}/rules/{file.name}", file.read_text()) for file in rules.files()),
        exporters.arguments_file(
            PROMETHEUS,
            [
                f"--config.file={FOLDER}/prometheus.yml",
                f"--storage.tsdb.path={DATA}/metrics2",
                f"--storage.tsdb.retention.time={data['monitor_retention']}",
                f"--web.console.templates={FOLDER}/pages",
                *_listener("prometheus"),
            ],
        ),
    ]


def _settings() -> dict[str, float]:
    """What the inventory asks for, for rules that compare it with what there is."""
    profile, databases = topology.profile(), len(topology.members("postgres"))
    synchronous = databases > 1 and versions.durability().level != "off"
    return {
        "sync_standbys_wanted": profile["synchronous_node_count"] if synchronous else 0,
        "failsafe_wanted": int(profile["failsafe_mode"]),
        "certificate_seconds_wanted": int(OVERDUE * topology.data()["renew_days"] * DAY_S),
    }

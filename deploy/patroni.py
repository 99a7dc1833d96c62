"""PostgreSQL under Patroni: configured and started on all hosts, then waited for, since replicas need the leader.

Changed local settings are reloaded. The cluster-wide ones (Patroni's dynamic configuration) are kept in etcd and read
from the file only at the bootstrap; later changes go through Patroni's REST API.
"""

from typing import Any

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation

from firedrill.deploy import gate, settings, tls, topology, versions, watchdog
from firedrill.deploy.etcd import patroni_user
from firedrill.deploy.operations import files, services, waits
from firedrill.deploy.operations.files import HostFile
from firedrill.inventories import releases
from firedrill.inventories.read import Host

CONFIG = "/etc/patroni/config.yml"
UNIT = "/etc/systemd/system/patroni.service.d/firedrill.conf"


def patroni() -> None:
    """Configure and start Patroni. It bootstraps while the deploy continues."""
    gate.through()
    if not topology.has("postgres"):
        return
    version = str(versions.here().postgres)
    main_cluster_off(name="Disable the cluster of the PostgreSQL package", version=version)
    watchdog.watchdog()
    configured = files.write(
        name="Write the Patroni configuration",
        files=[
            *tls.pair("postgres", owner="postgres"),
            HostFile(CONFIG, _config(), mode=0o640, group="postgres"),
            HostFile(UNIT, topology.render("patroni.service.conf.j2")),
        ],
        units=["patroni"],
    )
    services.running(name="Start Patroni", unit="patroni", changed=[configured])


def leader() -> None:
    """Wait for the leader, and update the cluster-wide settings."""
    gate.through()
    if not topology.has("postgres"):
        return
    _wait("Wait for the leader", "leader", url=_url())
    if topology.me() == topology.first("postgres"):
        wanted = settings.dynamic(topology.profile())
        settings.settings(name="Apply the cluster-wide settings", wanted=wanted)


def replicas() -> None:
    """Wait for every replica, and for a sync standby if the profile needs one."""
    gate.through()
    if not topology.has("postgres"):
        return
    urls = {one.name: _url(one) for one in topology.members("postgres")}
    _wait("Wait until every replica streams", "streaming", url=_url(), member=topology.me().name, urls=urls)
    if versions.durability().level != "off" and len(topology.members("postgres")) > 1:
        _wait("Wait for a sync standby", "standby", url=_url())


def _wait(name: str, check: str, **arguments: Any) -> None:
    waits.until(name=name, check=check, seconds=topology.data()["deadlines"][check], service="patroni", **arguments)


def _url(one: Host | None = None) -> str:
    return f"{topology.scheme()}://{(one or topology.me()).address}:{topology.data()['ports']['patroni']}"


def _config() -> str:
    return topology.render(
        "patroni.yml.j2",
        dynamic=settings.dynamic(topology.profile()),
        postgres=versions.here().postgres,
        builtin_locale=versions.here().postgres >= releases.BUILTIN_LOCALE,
        logins=topology.logins(),
        passwords=topology.passwords(),
        etcd_user=patroni_user(),
    )


class StartsAtBoot(FactBase[bool]):
    """Whether Debian's cluster named main runs, or would be started at boot."""

    default = bool

    def command(self, version: str) -> str:
        return (
            f"if grep -qsx auto /etc/postgresql/{version}/main/start.conf"
            f" || systemctl is-active --quiet postgresql@{version}-main; then echo yes; fi"
        )

    def process(self, output: list[str]) -> bool:
        return output == ["yes"]


@operation()
def main_cluster_off(version: str):
    """
    Stop Debian's main cluster and disable it at boot. Its data is kept.

    + version: PostgreSQL's major version
    """
    if host.get_fact(StartsAtBoot, version=version):
        yield StringCommand(f"echo disabled >/etc/postgresql/{version}/main/start.conf")
        yield StringCommand(f"systemctl stop postgresql@{version}-main")
    else:
        host.noop("no cluster named main is enabled")

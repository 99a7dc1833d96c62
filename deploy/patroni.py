"""PostgreSQL under Patroni: configured and started on all hosts, then waited for, since replicas need the leader.

Changed local settings are reloaded. The cluster-wide ones (Patroni's dynamic configuration) are kept in etcd and read
from the file only at the bootstrap; later changes go through Patroni's REST API.
"""

import json
from typing import Any

from pyinfra import host
from pyinfra.api import FactBase, QuoteString, StringCommand, operation

from firedrill.deploy import topology
from firedrill.deploy.operations import files, services, waits
from firedrill.deploy.operations.files import HostFile

CONFIG = "/etc/patroni/config.yml"
UNIT = "/etc/systemd/system/patroni.service.d/firedrill.conf"
MODES = {"on": True, "off": False}


def patroni() -> None:
    """Configure and start Patroni. It bootstraps while the deploy continues."""
    if not topology.has("postgres"):
        return
    version = topology.data()["postgres_version"]
    main_cluster_off(name="Disable the cluster of the PostgreSQL package", version=version)
    configured = files.write(
        name="Write the Patroni configuration",
        files=[
            HostFile(CONFIG, _config(), mode=0o640, group="postgres"),
            HostFile(UNIT, topology.render("patroni.service.conf.j2")),
        ],
        units=["patroni"],
    )
    services.running(name="Start Patroni", unit="patroni", changed=[configured])


def leader() -> None:
    """Wait for the leader, and update the cluster-wide settings."""
    if not topology.has("postgres"):
        return
    _wait("Wait for the leader", "leader", url=_url())
    if topology.me() == topology.members("postgres")[0]:
        settings(name="Apply the cluster-wide settings", url=_url(), wanted=dynamic(topology.profile()))


def replicas() -> None:
    """Wait for every replica, and for a sync standby if the profile needs one."""
    if not topology.has("postgres"):
        return
    _wait("Wait until every replica streams", "streaming", url=_url(), member=topology.me().name)
    if topology.profile()["synchronous_mode"] != "off" and len(topology.members("postgres")) > 1:
        _wait("Wait for a sync standby", "standby", url=_url())


def _wait(name: str, check: str, **arguments: Any) -> None:
    waits.until(name=name, check=check, seconds=topology.data()["deadlines"][check], service="patroni", **arguments)


def _url() -> str:
    return f"http://{topology.me().address}:{topology.data()['ports']['patroni']}"


def dynamic(profile: dict[str, Any]) -> dict[str, Any]:
    """The cluster-wide settings of a profile in the form of Patroni's dynamic configuration."""
    mode = profile["synchronous_mode"]
    parameters = dict(topology.data()["postgres_parameters"])
    for name in ("wal_sender_timeout", "wal_receiver_timeout"):
        parameters[name] = f"{profile[name]}s"
    return {
        "ttl": profile["ttl"],
        "loop_wait": profile["loop_wait"],
        "retry_timeout": profile["retry_timeout"],
        "maximum_lag_on_failover": profile["maximum_lag_on_failover"],
        "primary_start_timeout": profile["primary_start_timeout"],
        "synchronous_mode": MODES.get(mode, mode),
        "failsafe_mode": profile["failsafe_mode"],
        "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": parameters},
    }


def _config() -> str:
    return topology.render(
        "patroni.yml.j2",
        dynamic=dynamic(topology.profile()),
        logins=topology.logins(),
        passwords=topology.passwords(),
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


class DynamicSettings(FactBase[dict[str, Any]]):
    """Patroni's dynamic configuration in etcd; empty if Patroni does not answer."""

    default = dict

    def command(self, url: str) -> StringCommand:
        ask = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"
        return StringCommand("python3 -c", QuoteString(ask), QuoteString(f"{url}/config"), "2>/dev/null || echo {}")

    def process(self, output: list[str]) -> dict[str, Any]:
        return json.loads("\n".join(output))


def difference(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The patch that adds `wanted` to `found`; other settings are not changed."""
    patch = {}
    for key, value in wanted.items():
        if isinstance(value, dict):
            if inner := difference(found.get(key) or {}, value):
                patch[key] = inner
        elif key not in found or found[key] != value:
            patch[key] = value
    return patch


# The patch comes over stdin; the password is read from Patroni's configuration on the host.
PATCH = """
import base64, sys, urllib.request, yaml
url, patch = sys.argv[1], sys.stdin.read().encode()
auth = yaml.safe_load(open("/etc/patroni/config.yml"))["restapi"]["authentication"]
token = base64.b64encode(f"{auth['username']}:{auth['password']}".encode()).decode()
headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
urllib.request.urlopen(urllib.request.Request(url, patch, headers, method="PATCH"), timeout=10)
"""


@operation()
def settings(url: str, wanted: dict[str, Any]):
    """
    Update Patroni's dynamic configuration through its REST API.

    + url: base URL of the REST API
    + wanted: the settings to apply; others are not changed
    """
    patch = difference(host.get_fact(DynamicSettings, url=url), wanted)
    if not patch:
        host.noop("the cluster-wide settings are up to date")
        return
    yield StringCommand("python3 -c", QuoteString(PATCH), QuoteString(f"{url}/config"), _stdin=json.dumps(patch))

"""PostgreSQL under Patroni: configured and started on all hosts first, waited for later: replicas need the leader.

Local settings are reloaded where they change. The cluster-wide ones (Patroni's dynamic configuration) live in etcd and
are read from the file only once, at the bootstrap; later changes of group_data go through Patroni's REST API.
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
    """Configure and start Patroni; it then bootstraps while the deploy goes on."""
    if not topology.has("postgres"):
        return
    version = topology.data()["postgres_version"]
    out_of_the_way(name="Keep a cluster of the package's making from starting", version=version)
    configured = files.write(
        name="Write the Patroni configuration",
        files=[
            HostFile(CONFIG, _config(), mode=0o640, group="postgres"),
            HostFile(UNIT, topology.render("patroni.service.conf.j2")),
        ],
    )
    services.running(name="Start Patroni", unit="patroni", changed=[configured])


def leader() -> None:
    """Wait for the leader, and bring the cluster-wide settings up to date."""
    if not topology.has("postgres"):
        return
    _wait("Wait for the leader", "leader", url=_url())
    if topology.me() == topology.members("postgres")[0]:
        settings(name="Apply the cluster-wide settings", url=_url(), wanted=dynamic(topology.profile()))


def replicas() -> None:
    """Wait for every replica, and for a synchronous one where the profile wants it."""
    if not topology.has("postgres"):
        return
    _wait("Wait until every replica streams", "streaming", url=_url(), member=topology.me().name)
    if topology.profile()["synchronous_mode"] != "off" and len(topology.members("postgres")) > 1:
        _wait("Wait for a synchronous standby", "standby", url=_url())


def _wait(name: str, check: str, **arguments: Any) -> None:
    waits.until(name=name, check=check, seconds=topology.data()["deadlines"][check], service="patroni", **arguments)


def _url() -> str:
    return f"http://{topology.me().address}:{topology.data()['ports']['patroni']}"


def dynamic(profile: dict[str, Any]) -> dict[str, Any]:
    """The cluster-wide settings of a profile, as Patroni keeps them in etcd."""
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
        networks=topology.client_networks(),
        passwords=topology.passwords(),
    )


class StartsAtBoot(FactBase[bool]):
    """Whether a cluster named main would be started by Debian's own service, or runs."""

    default = bool

    def command(self, version: str) -> str:
        return (
            f"if grep -qsx auto /etc/postgresql/{version}/main/start.conf"
            f" || systemctl is-active --quiet postgresql@{version}-main; then echo yes; fi"
        )

    def process(self, output: list[str]) -> bool:
        return output == ["yes"]


@operation()
def out_of_the_way(version: str):
    """
    Stop Debian's main cluster and keep it from starting at boot; its data stays.

    + version: PostgreSQL's major version
    """
    if host.get_fact(StartsAtBoot, version=version):
        yield StringCommand(f"echo disabled >/etc/postgresql/{version}/main/start.conf")
        yield StringCommand(f"systemctl stop postgresql@{version}-main")
    else:
        host.noop("no cluster named main would start")


class DynamicSettings(FactBase[dict[str, Any]]):
    """Patroni's dynamic configuration as it is in etcd; empty where Patroni does not answer."""

    default = dict

    def command(self, url: str) -> StringCommand:
        ask = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"
        return StringCommand("python3 -c", QuoteString(ask), QuoteString(f"{url}/config"), "2>/dev/null || echo {}")

    def process(self, output: list[str]) -> dict[str, Any]:
        return json.loads("\n".join(output))


def difference(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What must be patched into `found` to have all of `wanted`; what else is found stays."""
    patch = {}
    for key, value in wanted.items():
        if isinstance(value, dict):
            if inner := difference(found.get(key) or {}, value):
                patch[key] = inner
        elif key not in found or found[key] != value:
            patch[key] = value
    return patch


# The patch and the password come over stdin; Patroni's own configuration knows the password on the host.
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
    Bring Patroni's dynamic configuration up to date through its REST API.

    + url: the REST API's base
    + wanted: the settings that must be there; others are left alone
    """
    patch = difference(host.get_fact(DynamicSettings, url=url), wanted)
    if not patch:
        host.noop("the cluster-wide settings are as they should be")
        return
    yield StringCommand("python3 -c", QuoteString(PATCH), QuoteString(f"{url}/config"), _stdin=json.dumps(patch))

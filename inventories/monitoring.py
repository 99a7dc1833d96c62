"""The monitoring of a cluster: where rules are evaluated, where alerts are sent from, and where we receive them.

Deployed, it is what runs on the hosts of the group `monitor`. An existing monitoring system is the inventory's key
`monitoring`: the URLs and credentials of a Prometheus and of its Alertmanagers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from firedrill.inventories import sources
from firedrill.inventories.endpoint import SYSTEM, Endpoint, Tls
from firedrill.inventories.read import Host, Inventory, monitors


@dataclass(frozen=True)
class Monitoring:
    """Its servers by name: of a deployed one the host's, otherwise the place in the URL (`prometheus.example:9090`).

    `receivers`: the hosts on which its notifications can be received, with the `token` that they carry. Without any,
    an alert counts as delivered once an Alertmanager lists it as active. `names`: what it calls an alert of ours; None
    for one that it does not have.
    """

    prometheus: Mapping[str, Endpoint]
    alertmanagers: Mapping[str, Endpoint]
    receivers: tuple[Host, ...] = ()
    token: str = field(default="", repr=False)
    names: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def watched(self) -> tuple[str, ...]:
        """The name of every server."""
        return tuple(dict.fromkeys([*self.prometheus, *self.alertmanagers]))

    @property
    def passwords(self) -> set[str]:
        servers = (*self.prometheus.values(), *self.alertmanagers.values())
        return {self.token, *(server.auth[1] for server in servers if server.auth)}


def given(inventory: Inventory) -> Monitoring | None:
    """The one in the inventory's key `monitoring`; None without it. Raises InventoryProblem."""
    known = inventory.data.get("monitoring")
    if not known:
        return None
    where = f"`monitoring` in {inventory.path}"
    receivers = monitors(inventory.hosts) if known.get("add_receiver") else ()
    return Monitoring(
        prometheus=dict([_server(known["prometheus"], where)]),
        alertmanagers=dict(_server(entry, where) for entry in known["alertmanagers"]),
        receivers=receivers,
        token=sources.password(f"the webhook of {where}", known.get("webhook", {})) if receivers else "",
        names=known.get("names", {}),
    )


def _server(entry: Mapping[str, Any], where: str) -> tuple[str, Endpoint]:
    """One server: its place, and how it is reached. Raises InventoryProblem."""
    parts = urlsplit(entry["url"])
    auth = (entry["user"], sources.password(f"{parts.netloc} in {where}", entry)) if "user" in entry else None
    tls = Tls.of(where, {"ca": entry.get("ca", SYSTEM)}) if parts.scheme == "https" else None
    return parts.netloc, Endpoint(entry["url"].rstrip("/"), tls, auth)

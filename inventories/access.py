"""Where every client of the cluster gets its addresses, TLS files and credentials: probes, watches, REST, SQL, load.

One place, so that TLS, other ports or an existing cluster are one change here and none elsewhere.
"""

import contextlib
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firedrill.inventories import secrets, sources
from firedrill.inventories.errors import FORBIDDEN, FULL, InventoryProblem
from firedrill.inventories.read import Host, Inventory

DATABASE = "weather"
PROBE_USER = "firedrill"
# Patroni's own, for what its dynamic configuration does not set.
PATRONI_DEFAULTS = {
    "ttl": 30,
    "loop_wait": 10,
    "retry_timeout": 10,
    "primary_start_timeout": 300,
    "synchronous_mode": "off",
    "failsafe_mode": False,
    "maximum_lag_on_failover": 1048576,
}


@dataclass(frozen=True)
class Access:
    """The access to one cluster. Passwords are masked in its repr. `one_proxy`: clients use the first proxy alone."""

    inventory: Inventory
    passwords: secrets.Secrets = field(repr=False)
    one_proxy: bool = False

    @property
    def data(self) -> dict[str, Any]:
        return self.inventory.data

    @property
    def ports(self) -> dict[str, int]:
        ports: dict[str, int] = self.data["ports"]
        return ports

    @property
    def foreign(self) -> bool:
        """Whether it is an existing cluster, not deployed by Firedrill."""
        return bool(self.data["foreign"])

    @property
    def profile_name(self) -> str:
        return "of its own" if self.foreign else str(self.data["profile"])

    @property
    def profile(self) -> dict[str, Any]:
        """The timings that the cluster was deployed with; of an existing one Patroni's defaults and its `timings`."""
        if self.foreign:
            return PATRONI_DEFAULTS | self.data.get("timings", {})
        profile: dict[str, Any] = self.data["profiles"][self.data["profile"]]
        return profile

    @property
    def has_app(self) -> bool:
        """Whether users can use the weather app."""
        return bool(self.inventory.role("app"))

    # -- clients -----------------------------------------------------------------------------------------

    @property
    def through_proxy(self) -> bool:
        """Whether clients connect to proxies in front of the databases; otherwise libpq tries each database."""
        return bool(self.data.get("vip") or self.inventory.role("proxy"))

    @property
    def front(self) -> str:
        """The addresses that users connect to: the floating one, else those of all proxies, else of all databases.

        Several are separated by commas, as libpq takes them.
        """
        if vip := self.data.get("vip"):
            return str(vip)
        proxies = self.inventory.role("proxy")
        hosts = proxies[: 1 if self.one_proxy else None] or self.inventory.role("postgres")
        return ",".join(host.address for host in hosts)

    @property
    def http_urls(self) -> list[str]:
        """The base URLs of the weather API; each connection of a user takes any of them."""
        return [f"http://{address}:{self.ports['http']}" for address in self.front.split(",")]

    def haproxy_csv_url(self, host: Host) -> str:
        """The statistics of one proxy."""
        return f"http://{host.address}:{host.data['ports']['haproxy_stats']}{host.data['haproxy_stats_path']}"

    # -- SQL ---------------------------------------------------------------------------------------------

    def sql_front(self) -> dict[str, Any]:
        """psycopg's arguments for a write connection of a client: through a proxy, else to the leader."""
        if self.through_proxy:
            return self._sql_through(self.ports["write"])
        return self._sql_any() | {"target_session_attrs": "read-write"}

    def sql_read(self) -> dict[str, Any]:
        """psycopg's arguments for a connection that reads: through the proxy to a replica, else to any node."""
        return self._sql_through(self.ports["read"]) if self.through_proxy else self._sql_any()

    def sql_node(self, host: Host) -> dict[str, Any]:
        """psycopg's arguments for a connection to one node, not through the proxy."""
        return self._sql(host.address, host.data["ports"]["postgres"])

    def _sql_through(self, port: int) -> dict[str, Any]:
        """Through the floating address, or through any proxy: in random order, as for _sql_any."""
        return self._sql(self.front, port) | ({"load_balance_hosts": "random"} if "," in self.front else {})

    def _sql_any(self) -> dict[str, Any]:
        ports = ",".join(str(host.data["ports"]["postgres"]) for host in self.inventory.role("postgres"))
        # In random order: a dead host at the head of the list would delay every new connection.
        return self._sql(self.front, ports) | {"load_balance_hosts": "random"}

    def _sql(self, address: str, port: int | str) -> dict[str, Any]:
        user, password = self.credential("sql") or (PROBE_USER, "")
        return {
            "host": address,
            "port": port,
            "dbname": self.data["database"],
            "user": user,
            "password": password,
            "connect_timeout": 2,
            "application_name": PROBE_USER,
        } | self.data["sql_options"]

    # -- etcd --------------------------------------------------------------------------------------------

    @property
    def etcd(self) -> list[tuple[str, int]]:
        """(address, port) of every etcd member."""
        return [(host.address, host.data["ports"]["etcd"]) for host in self.inventory.role("etcd")]

    @property
    def etcd_options(self) -> dict[str, Any]:
        """What the etcd client needs in addition to the address: credentials, TLS files."""
        tls = self.data["etcd_tls"] or {}
        names = {"ca": "ca_cert", "cert": "cert_cert", "key": "cert_key"}
        found = {names[name]: str(Path(file).expanduser()) for name, file in tls.items()}
        if pair := self.credential("etcd"):
            found |= {"user": pair[0], "password": pair[1]}
        return found

    # -- Patroni -----------------------------------------------------------------------------------------

    @property
    def patroni_prefix(self) -> str:
        """The prefix of Patroni's keys in etcd, with the final slash."""
        return f"/{self.data['patroni_namespace'].strip('/')}/{self.data['cluster']}/".replace("//", "/")

    @property
    def patroni_auth(self) -> tuple[str, str] | None:
        """User and password of Patroni's REST API, for requests that change something."""
        return self.credential("patroni_rest")

    @property
    def patroni_options(self) -> dict[str, Any]:
        """What an HTTP client needs for Patroni's REST API in addition to the address."""
        tls = self.data["patroni_tls"]
        if not tls:
            return {}
        if not tls.get("ca"):
            return {"verify": False}
        return {"verify": ssl.create_default_context(cafile=str(Path(tls["ca"]).expanduser()))}

    def patroni_url(self, host: Host) -> str:
        scheme = "https" if self.data["patroni_tls"] else "http"
        return f"{scheme}://{host.address}:{host.data['ports']['patroni']}"

    # -- credentials -------------------------------------------------------------------------------------

    def credential(self, name: str) -> tuple[str, str] | None:
        """User and password for one kind of access; None if the inventory has none. Raises InventoryProblem."""
        known = self.data["credentials"].get(name)
        return (known["user"], self._password(name, known)) if known else None

    def _password(self, name: str, known: dict[str, Any]) -> str:
        if "secret" not in known:
            return sources.password(f"{name} in {self.inventory.path}", known)
        if known["secret"] not in self.passwords:
            raise InventoryProblem(
                f"no password for {name} in {self.inventory.path}: there is no secret {known['secret']!r}",
                f"give its credentials one of {', '.join(sources.KINDS)}",
            )
        return self.passwords[known["secret"]]

    @property
    def secrets(self) -> set[str]:
        """Every password that is known here, so that none is ever shown."""
        asked = [lambda name=name: self.passwords[name] for name in self.passwords]
        asked += [lambda name=name: (self.credential(name) or ("", ""))[1] for name in self.data["credentials"]]
        found = set()
        for ask in asked:
            with contextlib.suppress(InventoryProblem):
                found.add(ask())
        return found - {""}


def access(inventory: Inventory) -> Access:
    """The access to an inventory's cluster. For an existing cluster no passwords are created.

    Nor are they where they cannot be written: what needs one then reports that there is none.
    """
    data = inventory.data
    if data["foreign"]:
        return Access(inventory, secrets.known(data))
    try:
        return Access(inventory, secrets.load(data))
    except OSError as error:
        if error.errno not in (*FULL, *FORBIDDEN):
            raise
        return Access(inventory, secrets.known(data))

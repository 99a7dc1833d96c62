"""Where every client of the cluster gets its addresses and credentials: probes, watches, REST, SQL, load.

One place, so that TLS, other ports or another's cluster are one change here and none elsewhere.
"""

import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firedrill.inventories import secrets
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import Host, Inventory

DATABASE = "weather"
PROBE_USER = "firedrill"
# Patroni's own, where its dynamic configuration says nothing.
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
    """The ways into one cluster. Passwords are masked in its repr."""

    inventory: Inventory
    passwords: secrets.Secrets = field(repr=False)

    @property
    def data(self) -> dict[str, Any]:
        return self.inventory.data

    @property
    def ports(self) -> dict[str, int]:
        return self.data["ports"]

    @property
    def foreign(self) -> bool:
        """Whether others made the cluster."""
        return bool(self.data["foreign"])

    @property
    def profile_name(self) -> str:
        return "of its own" if self.foreign else self.data["profile"]

    @property
    def profile(self) -> dict[str, Any]:
        """The timings that the cluster was deployed with; of a foreign one Patroni's defaults, and its `timings`."""
        if self.foreign:
            return PATRONI_DEFAULTS | self.data.get("timings", {})
        return self.data["profiles"][self.data["profile"]]

    @property
    def has_app(self) -> bool:
        """Whether the weather app is there for users to ask."""
        return bool(self.inventory.role("app"))

    @property
    def through_proxy(self) -> bool:
        """Whether clients go to an address before the databases; otherwise libpq tries one after the other."""
        return bool(self.data.get("vip") or self.inventory.role("proxy"))

    @property
    def front(self) -> str:
        """The address users connect to: the floating one, else the first proxy's, else all the databases'."""
        if vip := self.data.get("vip"):
            return vip
        if proxies := self.inventory.role("proxy"):
            return proxies[0].address
        return ",".join(host.address for host in self.inventory.role("postgres"))

    @property
    def http_url(self) -> str:
        """The base URL of the weather API as users see it."""
        return f"http://{self.front}:{self.ports['http']}"

    @property
    def etcd(self) -> list[tuple[str, int]]:
        """(address, port) of every etcd member."""
        return [(host.address, host.data["ports"]["etcd"]) for host in self.inventory.role("etcd")]

    @property
    def etcd_options(self) -> dict[str, Any]:
        """What the etcd client needs beside the address: credentials, TLS files."""
        tls = self.data["etcd_tls"] or {}
        names = {"ca": "ca_cert", "cert": "cert_cert", "key": "cert_key"}
        found = {names[name]: str(Path(file).expanduser()) for name, file in tls.items()}
        if pair := self.credential("etcd"):
            found |= {"user": pair[0], "password": pair[1]}
        return found

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
        """What an HTTP client needs for Patroni's REST API beside the address."""
        tls = self.data["patroni_tls"]
        if not tls:
            return {}
        if not tls.get("ca"):
            return {"verify": False}
        return {"verify": ssl.create_default_context(cafile=str(Path(tls["ca"]).expanduser()))}

    def patroni_url(self, host: Host) -> str:
        scheme = "https" if self.data["patroni_tls"] else "http"
        return f"{scheme}://{host.address}:{host.data['ports']['patroni']}"

    def named(self, member: str) -> str:
        """The inventory's name of the host that Patroni calls `member`; the same where the inventory says nothing."""
        names = {host.data.get("patroni_name", host.name): host.name for host in self.inventory.role("postgres")}
        return names.get(member, member)

    def haproxy_csv_url(self, host: Host) -> str:
        return f"http://{host.address}:{host.data['ports']['haproxy_stats']}{host.data['haproxy_stats_path']}"

    def sql_front(self) -> dict[str, Any]:
        """psycopg's arguments for a write connection as clients make it: through the proxy, else to whoever leads."""
        if self.through_proxy:
            return self._sql(self.front, self.ports["write"])
        return self._sql_any() | {"target_session_attrs": "read-write"}

    def sql_read(self) -> dict[str, Any]:
        """psycopg's arguments for a connection that reads: through the proxy to a replica, else to any node."""
        return self._sql(self.front, self.ports["read"]) if self.through_proxy else self._sql_any()

    def _sql_any(self) -> dict[str, Any]:
        ports = ",".join(str(host.data["ports"]["postgres"]) for host in self.inventory.role("postgres"))
        # At random, or a dead host that is named first would cost every new connection its time.
        return self._sql(self.front, ports) | {"load_balance_hosts": "random"}

    def sql_node(self, host: Host) -> dict[str, Any]:
        """psycopg's arguments for a connection to one node, past the proxy."""
        return self._sql(host.address, host.data["ports"]["postgres"])

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

    def credential(self, name: str) -> tuple[str, str] | None:
        """User and password for one way in; None where the inventory says that none are needed. InventoryProblem."""
        known = self.data["credentials"].get(name)
        return (known["user"], self._password(name, known)) if known else None

    def _password(self, name: str, known: dict[str, Any]) -> str:
        if "password" in known:
            return str(known["password"])
        try:
            if "password_file" in known:
                return Path(known["password_file"]).expanduser().read_text().strip()
            if "password_env" in known:
                return os.environ[known["password_env"]]
            return self.passwords[known["secret"]]
        except (OSError, KeyError) as error:
            raise InventoryProblem(
                f"{self.inventory.path}: no password for {name} ({error})",
                "give its credentials a password, password_file, password_env, or the name of a secret",
            ) from None

    @property
    def secrets(self) -> set[str]:
        """Every password that is known here, so that none is ever shown."""
        found = set(self.passwords.values())
        for name, known in self.data["credentials"].items():
            try:
                found |= {self._password(name, known)} if known else set()
            except InventoryProblem:
                continue
        return found - {""}


def access(inventory: Inventory) -> Access:
    """The ways into the cluster that this inventory names. Of a foreign one no passwords are made."""
    data = inventory.data
    find = secrets.known if data["foreign"] else secrets.load
    return Access(inventory, find(data["secrets_file"], data["cluster"]))

"""Where every client of the cluster gets its addresses and credentials: probes, watches, REST, SQL, load.

One place, so that TLS, other ports or another's cluster are one change here and none elsewhere.
"""

from dataclasses import dataclass, field
from typing import Any

from inventories import secrets
from inventories.read import Host, Inventory

DATABASE = "weather"
PROBE_USER = "firedrill"


@dataclass(frozen=True)
class Access:
    """The ways into one cluster. Passwords are masked in its repr."""

    inventory: Inventory
    passwords: secrets.Secrets = field(repr=False)

    @property
    def ports(self) -> dict[str, int]:
        return self.inventory.data["ports"]

    @property
    def profile(self) -> dict[str, Any]:
        """The timings that the cluster was deployed with."""
        return self.inventory.data["profiles"][self.inventory.data["profile"]]

    @property
    def front(self) -> str:
        """The address users connect to: the floating one, else the first proxy's."""
        return self.inventory.data.get("vip") or self.inventory.role("proxy")[0].address

    @property
    def http_url(self) -> str:
        """The base URL of the weather API as users see it."""
        return f"http://{self.front}:{self.ports['http']}"

    @property
    def etcd(self) -> list[tuple[str, int]]:
        """(address, port) of every etcd member."""
        return [(host.address, self.ports["etcd"]) for host in self.inventory.role("etcd")]

    @property
    def patroni_prefix(self) -> str:
        """The prefix of Patroni's keys in etcd, with the final slash."""
        data = self.inventory.data
        return f"{data['patroni_namespace']}{data['cluster']}/"

    @property
    def patroni_auth(self) -> tuple[str, str]:
        """User and password of Patroni's REST API, for requests that change something."""
        return "patroni", self.passwords["patroni_rest"]

    def patroni_url(self, host: Host) -> str:
        return f"http://{host.address}:{self.ports['patroni']}"

    def haproxy_csv_url(self, host: Host) -> str:
        return f"http://{host.address}:{self.ports['haproxy_stats']}/stats;csv"

    def sql_front(self) -> dict[str, Any]:
        """psycopg's arguments for a write connection through the proxy."""
        return self._sql(self.front, self.ports["write"])

    def sql_read(self) -> dict[str, Any]:
        """psycopg's arguments for a connection to a replica through the proxy."""
        return self._sql(self.front, self.ports["read"])

    def sql_node(self, host: Host) -> dict[str, Any]:
        """psycopg's arguments for a connection to one node, past the proxy."""
        return self._sql(host.address, self.ports["postgres"])

    def _sql(self, address: str, port: int) -> dict[str, Any]:
        return {
            "host": address,
            "port": port,
            "dbname": DATABASE,
            "user": PROBE_USER,
            "password": self.passwords[PROBE_USER],
            "connect_timeout": 2,
            "application_name": PROBE_USER,
        }


def access(inventory: Inventory) -> Access:
    """The ways into the cluster that this inventory names."""
    data = inventory.data
    return Access(inventory, secrets.load(data["secrets_file"], data["cluster"]))

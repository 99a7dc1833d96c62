"""Where every client of the cluster gets its addresses, TLS files and credentials: probes, watches, REST, SQL, load.

One place, so that TLS, other ports or an existing cluster are one change here and none elsewhere.
"""

import contextlib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from firedrill.inventories import certificates, monitoring, profiles, secrets, sources, sudo
from firedrill.inventories.endpoint import Endpoint, SqlArguments, Tls, url
from firedrill.inventories.errors import FORBIDDEN, FULL, InventoryProblem
from firedrill.inventories.monitoring import Monitoring
from firedrill.inventories.read import Host, Inventory, monitors

DATABASE = "weather"
PROBE_USER = "firedrill"
# The clients that show a certificate; what the others connect to asks for a password instead.
MUTUAL = ("etcd_tls", "patroni_tls")
# libpq's files, by their names in other clients. By itself libpq takes any certificate, or plain text.
SQL_FILES = {"sslrootcert": "ca", "sslcert": "cert", "sslkey": "key"}
VERIFY = ("verify-full", "verify-ca")
PLAIN_SQL = {"sslmode": "disable", "gssencmode": "disable"}
VERIFIED_SQL = {"sslmode": "verify-full", "gssencmode": "disable"}
# What a cluster that Firedrill deploys with TLS asks for, and one without does not.
WITH_TLS = {
    "etcd": {"user": PROBE_USER, "secret": "etcd_firedrill"},
    "haproxy_stats": {"user": PROBE_USER, "secret": "haproxy_stats"},
}
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
        return profiles.settings(self.data)

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
        hosts = proxies[: 1 if self.one_proxy else None] or self.inventory.databases
        return ",".join(host.address for host in hosts)

    @property
    def http(self) -> list[Endpoint]:
        """The weather API for users; each connection of a user takes any of them."""
        port = self.ports["https" if self._tls("http_tls") else "http"]
        return [self._endpoint("http_tls", address, port) for address in self.front.split(",")]

    def app(self, host: Host) -> Endpoint:
        """The weather app on one of its hosts, not through the proxy."""
        return self._endpoint("http_tls", host.address, host.data["ports"]["weather"])

    def haproxy_stats(self, host: Host) -> Endpoint:
        """The statistics of one proxy, as CSV."""
        port, path = host.data["ports"]["haproxy_stats"], host.data["haproxy_stats_path"]
        return self._endpoint("haproxy_stats_tls", host.address, port, path, self.credential("haproxy_stats"))

    def _endpoint(
        self, key: str, address: str, port: int, path: str = "", auth: tuple[str, str] | None = None
    ) -> Endpoint:
        tls = self._tls(key)
        return Endpoint(url("https" if tls else "http", address, port, path), tls, auth)

    def _tls(self, key: str) -> Tls | None:
        """How one kind of client verifies its servers, by the inventory's key; None for plain text."""
        given = self.data[key]
        if given is not None:
            return Tls.of(f"`{key}` in {self.inventory.path}", given)
        return self._own_tls(shows_certificate=key in MUTUAL)

    def _own_tls(self, *, shows_certificate: bool) -> Tls | None:
        """As the cluster was deployed; None for plain text, and for an existing cluster."""
        if self.foreign or not self.data["tls"]:
            return None
        known = self._certificates
        source, pair = f"the certificates of {self.data['cluster']}", known.controller
        return Tls(source, str(known.ca), *((str(pair.cert), str(pair.key)) if shows_certificate else ()))

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

    def _sql(self, address: str, port: int | str) -> SqlArguments:
        user, password = self.credential("sql") or (PROBE_USER, "")
        arguments = {
            "host": address,
            "port": port,
            "dbname": self.data["database"],
            "user": user,
            "password": password,
            "connect_timeout": 2,
            "application_name": PROBE_USER,
        }
        return SqlArguments(arguments | self._sql_options())

    def postgres(self, host: Host) -> Endpoint:
        """One PostgreSQL server; without credentials, which are among psycopg's arguments."""
        return Endpoint(url("postgresql", host.address, host.data["ports"]["postgres"]), self._sql_tls())

    def _sql_options(self) -> dict[str, Any]:
        """The inventory's options for libpq, and its options for TLS: verified, or plain text."""
        given, tls = self.data["sql_options"], self._sql_tls()
        if tls is None:
            return PLAIN_SQL | given
        tls.context()
        files = {"sslrootcert": tls.ca_file} | ({"sslcert": tls.cert, "sslkey": tls.key} if tls.cert else {})
        return VERIFIED_SQL | given | files

    def _sql_tls(self) -> Tls | None:
        """How libpq verifies its servers: by files in `sql_options`, else as the cluster was deployed."""
        given = self.data["sql_options"]
        files = {SQL_FILES[name]: str(given[name]) for name in SQL_FILES if name in given}
        if files or given.get("sslmode") in VERIFY:
            by_name = given.get("sslmode") != "verify-ca"
            return Tls.of(f"`sql_options` in {self.inventory.path}", files, by_name=by_name)
        return self._own_tls(shows_certificate=False)

    # -- MySQL -------------------------------------------------------------------------------------------

    def mysql(self, host: Host) -> Endpoint:
        """One MySQL server, not through the proxy."""
        return self._mysql(host.address, host.data["ports"]["mysql"], "sql")

    def mysql_operator(self, host: Host) -> Endpoint:
        """One MySQL server, with the credentials that changes of the group take."""
        return self._mysql(host.address, host.data["ports"]["mysql"], "group_replication")

    def mysql_front(self, purpose: str, address: str | None = None) -> list[Endpoint]:
        """Where clients `write` or `read`: the proxies, or one of them; without proxies the servers."""
        port = self.ports[purpose if self.through_proxy else "mysql"]
        return [self._mysql(one, port, "sql") for one in (address or self.front).split(",")]

    def _mysql(self, address: str, port: int, credential: str) -> Endpoint:
        return Endpoint(url("mysql", address, port), self._mysql_tls(), self.credential(credential))

    def _mysql_tls(self) -> Tls | None:
        """A group that Firedrill deploys has TLS always; of an existing one the inventory tells."""
        if self.foreign or self.data["mysql_tls"] is not None:
            return self._tls("mysql_tls")
        return Tls(f"the certificates of {self.data['cluster']}", str(self._certificates.ca))

    @property
    def _certificates(self) -> certificates.Certificates:
        return certificates.known(self.inventory.hosts, self.data)

    # -- etcd --------------------------------------------------------------------------------------------

    @property
    def etcd(self) -> list[Endpoint]:
        """Every etcd member, in the order of the inventory."""
        return [self.etcd_of(host) for host in self.inventory.role("etcd")]

    def etcd_of(self, host: Host) -> Endpoint:
        """The etcd member on one host."""
        port = host.data["ports"]["etcd"]
        return self._endpoint("etcd_tls", host.address, port, auth=self.credential("etcd"))

    # -- Patroni -----------------------------------------------------------------------------------------

    @property
    def patroni_prefix(self) -> str:
        """The prefix of Patroni's keys in etcd, with the final slash."""
        return patroni_prefix(self.data)

    def patroni(self, host: Host) -> Endpoint:
        """Patroni's REST API on one host, for requests that change nothing."""
        return self._endpoint("patroni_tls", host.address, host.data["ports"]["patroni"])

    def patroni_operator(self, host: Host) -> Endpoint:
        """Patroni's REST API on one host, with the credentials that changes take."""
        return replace(self.patroni(host), auth=self.credential("patroni_rest"))

    # -- monitoring --------------------------------------------------------------------------------------

    @property
    def monitoring(self) -> Monitoring | None:
        """The monitoring that watches the cluster: the deployed one, or the inventory's; None if there is none."""
        hosts = monitors(self.inventory.hosts)
        if self.data.get("monitoring") or self.foreign:
            return monitoring.given(self.inventory)
        return self._own_monitoring(hosts) if hosts else None

    def _own_monitoring(self, hosts: tuple[Host, ...]) -> Monitoring:
        auth, tls = (PROBE_USER, self._secret("monitor")), self._own_tls(shows_certificate=False)
        scheme = "https" if tls else "http"
        prometheus, alertmanagers = (
            {host.name: Endpoint(url(scheme, host.address, host.data["ports"][port]), tls, auth) for host in hosts}
            for port in ("prometheus", "alertmanager")
        )
        return Monitoring(prometheus, alertmanagers, hosts, self._secret("monitor_webhook"))

    def _secret(self, name: str) -> str:
        return self._password(f"the secret {name}", {"secret": name})

    # -- credentials -------------------------------------------------------------------------------------

    def credential(self, name: str) -> tuple[str, str] | None:
        """User and password for one kind of access; None if the inventory has none. Raises InventoryProblem."""
        own = WITH_TLS.get(name) if self.data["tls"] and not self.foreign else None
        known = self.data["credentials"].get(name) or own
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
        given = {name: entry for name, entry in self.data["credentials"].items() if entry}
        asked: list[Callable[[], str]] = [
            *(functools.partial(self.passwords.__getitem__, name) for name in self.passwords),
            *(functools.partial(self._password, name, entry) for name, entry in given.items()),
            *(functools.partial(sudo.known, host.data) for host in self.inventory.hosts),
        ]
        found = set()
        for ask in asked:
            with contextlib.suppress(InventoryProblem):
                found.add(ask())
        with contextlib.suppress(InventoryProblem):
            found |= self.monitoring.passwords if self.monitoring else set()
        return found - {""}


def patroni_prefix(data: Mapping[str, Any]) -> str:
    """The prefix of Patroni's keys in etcd, with the final slash."""
    return f"/{data['patroni_namespace'].strip('/')}/{data['cluster']}/".replace("//", "/")


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

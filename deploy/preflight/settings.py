"""The inventory and its settings, without asking any host: what Patroni, etcd or HAProxy would adjust or not survive.

Each check takes the hosts and yields findings. CHECKS is the table; docs/preflight.md lists it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from firedrill.deploy import systems, wanted
from firedrill.deploy.preflight import fence
from firedrill.deploy.preflight.finding import SETTINGS, Finding
from firedrill.deploy.preflight.login import login
from firedrill.inventories import profiles, read, values
from firedrill.inventories.read import Host

Findings = Iterator[Finding]
# Patroni 3.2 and later adjusts smaller or inconsistent values silently; a drill would measure other timings.
FLOORS = {"ttl": 20, "loop_wait": 1, "retry_timeout": 3}
# Of an app host: two processes, each with a pool for writes and one for reads of six connections.
APP_CONNECTIONS = 24
MOST_MONITORS = 2
OTHER_CONNECTIONS = 20  # superusers, probes, Patroni


def profile(hosts: Sequence[Host]) -> dict[str, Any]:
    return profiles.settings(hosts[0].data)


def role(hosts: Sequence[Host], name: str) -> list[Host]:
    return [host for host in hosts if name in host.roles]


def _named(hosts: Sequence[Host]) -> str:
    return f"profile {hosts[0].data['profile']}"


def _finding(check: str, cause: str, remedy: str, *, refused: bool = True) -> Finding:
    return Finding(SETTINGS, check, cause, remedy, refused)


def addresses(hosts: Sequence[Host]) -> Findings:
    """Services listen on these addresses, so names are not accepted.

    In the rules and files of the services, one of IPv6 would be a part of it, or all of its network.
    """
    for host in hosts:
        if not values.is_ipv4(host.address):
            yield Finding(
                host.name,
                "addresses",
                f"{host.name} has the address {host.address!r}",
                "set ssh_hostname to the IPv4 address that its services should listen on",
            )


def roles(hosts: Sequence[Host]) -> Findings:
    """A role without the role that it needs."""
    present = {one for host in hosts for one in host.roles}
    needs = {"postgres": "etcd", "proxy": systems.of(hosts[0].data).role, "app": "proxy"}
    for name, needed in needs.items():
        if name in present and needed not in present:
            yield _finding("roles", f"the inventory has {name} hosts but no {needed} host", f"add one to {needed}")


def existing(hosts: Sequence[Host]) -> Findings:
    """An inventory of an existing cluster is for drills alone."""
    if hosts[0].data["foreign"]:
        yield _finding(
            "existing cluster",
            "the inventory describes an existing cluster (`foreign`), which a deploy would replace",
            "use another inventory",
        )


def ports(hosts: Sequence[Host]) -> Findings:
    """Two services of a host on one port."""
    for host in hosts:
        names: dict[int, str] = {}
        for name in wanted.listeners(host, monitored=bool(read.monitors(hosts))):
            number = host.data["ports"][name]
            if names.setdefault(number, name) != name:
                cause = f"the ports {names[number]} and {name} are both {number}"
                yield Finding(host.name, "ports", cause, "set another one in `ports`")


def settled(hosts: Sequence[Host]) -> Findings:
    """What another key sets would have no effect in `patroni_settings`."""
    for name in hosts[0].data["patroni_settings"]:
        if name in SETTLED:
            cause = f"`patroni_settings` has {name}, which `{SETTLED[name]}` sets"
            yield _finding("patroni_settings", cause, f"set it in `{SETTLED[name]}`")


def floors(hosts: Sequence[Host]) -> Findings:
    """Patroni's floors, and loop_wait + 2 * retry_timeout <= ttl."""
    timings, name = profile(hosts), _named(hosts)
    low = {setting: floor for setting, floor in FLOORS.items() if timings[setting] < floor}
    for setting, floor in low.items():
        cause = f"{name} has {setting} {timings[setting]}, Patroni's minimum is {floor}"
        yield _finding("timings", cause, f"raise it to {floor} or more")
    needed = timings["loop_wait"] + 2 * timings["retry_timeout"]
    if not low and needed > timings["ttl"]:
        yield _finding(
            "timings",
            f"{name} has loop_wait + 2 * retry_timeout = {needed}, more than its ttl {timings['ttl']}",
            "raise ttl or lower one of the others, or Patroni adjusts them silently",
        )


def etcd(hosts: Sequence[Host]) -> Findings:
    """The election must be long against the heartbeat, and short against Patroni's retry_timeout."""
    data, timings = hosts[0].data, profile(hosts)
    election, heartbeat, retry = data["etcd_election_ms"], data["etcd_heartbeat_ms"], timings["retry_timeout"]
    if election < 10 * heartbeat:
        yield _finding(
            "etcd timings",
            f"etcd_election_ms {election} is less than {5 if election < 5 * heartbeat else 10} times"
            f" etcd_heartbeat_ms {heartbeat}",
            "set it to 10 times the heartbeat: etcd refuses less than 5 times, and a late heartbeat starts an election",
            refused=election < 5 * heartbeat,
        )
    if 2 * election >= 1000 * retry:
        yield _finding(
            "etcd timings",
            f"an election of etcd takes up to {2 * election} ms (twice etcd_election_ms), Patroni's retry_timeout"
            f" is {retry} s",
            "lower etcd_election_ms, or the loss of etcd's leader demotes the primary",
        )
    if len(role(hosts, "etcd")) == 1:
        yield _finding("etcd members", "one etcd member tolerates no failure", "use three", refused=False)


def synchronous(hosts: Sequence[Host]) -> Findings:
    """Synchronous replication needs standbys."""
    timings, count = profile(hosts), len(role(hosts, "postgres"))
    strict = timings["synchronous_mode"] == "strict"
    if strict and count == 1:
        yield _finding(
            "synchronous mode",
            "the durability is strict, and there is one database host: no commit would ever return",
            "add two database hosts, or set `durability` to 'off'",
        )
    elif strict and count == 2:
        yield _finding(
            "synchronous mode",
            "the durability is strict, and there are two database hosts: the loss of either blocks all writes",
            "add a third database host",
            refused=False,
        )


def replication(hosts: Sequence[Host]) -> Findings:
    """WAL senders, slots and connections for all hosts."""
    parameters = read.postgres_parameters(hosts[0].data)
    standbys, apps = max(0, len(role(hosts, "postgres")) - 1), len(role(hosts, "app"))
    needed = {
        "max_wal_senders": (2 * standbys, f"{standbys} standbys that are copied at the same time take two each"),
        "max_replication_slots": (
            2 * standbys,
            f"{standbys} standbys that are copied have two each",
        ),
        "max_connections": (
            APP_CONNECTIONS * apps + OTHER_CONNECTIONS,
            f"{apps} app hosts take up to {APP_CONNECTIONS} each, all others {OTHER_CONNECTIONS}",
        ),
    }
    for setting, (least, reason) in needed.items():
        found = parameters[setting]
        if isinstance(found, int) and found < least:
            yield _finding("postgres_parameters", f"{setting} is {found} ({reason})", f"raise it to {least} or more")


def lost_standby(hosts: Sequence[Host]) -> Findings:
    """A sync standby that falls silent blocks commits until the primary gives up on it."""
    timings = profile(hosts)
    timeout = timings["wal_sender_timeout"]
    if timings["synchronous_mode"] != "off" and not 0 < timeout <= timings["ttl"]:
        yield _finding(
            "wal_sender_timeout",
            f"{_named(hosts)} has wal_sender_timeout {timeout}, its ttl is {timings['ttl']}: commits wait for a sync"
            f" standby that is silently lost for up to {timings['ttl'] + timings['loop_wait']} s",
            "set it below ttl (5 s in the profile fast)",
            refused=False,
        )


def proxies(hosts: Sequence[Host]) -> Findings:
    """HAProxy must not be slower than Patroni."""
    timings = profile(hosts)
    if not role(hosts, "proxy"):
        return
    for setting in ("inter", "fastinter", "downinter"):
        if not timings[setting] > 0:
            yield _finding(
                "proxy checks", f"{_named(hosts)} has {setting} {timings[setting]}", "set it above 0, in seconds"
            )
    if timings["inter"] > timings["loop_wait"]:
        yield _finding(
            "proxy checks",
            f"{_named(hosts)} has inter {timings['inter']}, more than its loop_wait {timings['loop_wait']}: clients"
            " are rerouted later than Patroni acts",
            "lower inter",
            refused=False,
        )


def floating(hosts: Sequence[Host]) -> Findings:
    """A floating address needs proxies that hold it."""
    vip = hosts[0].data.get("vip")
    if vip and not role(hosts, "proxy"):
        yield _finding(
            "floating address", f"the floating address {vip} has no proxy", "add hosts to proxy, or omit vip"
        )
    if vip and not values.is_ipv4(vip):
        yield _finding(
            "floating address", f"the floating address {vip!r} is not an IPv4 address", "set vip to an IPv4 address"
        )


def watchdog(hosts: Sequence[Host]) -> Findings:
    """The watchdog must leave Patroni time for one loop, or Patroni does not use it."""
    timings, databases = profile(hosts), role(hosts, "postgres")
    margin = timings["safety_margin"]
    used = any(one.data["watchdog"]["mode"] != "off" for one in databases)
    if used and timings["ttl"] - margin < timings["loop_wait"]:
        yield _finding(
            "watchdog",
            f"{_named(hosts)} has ttl {timings['ttl']} and loop_wait {timings['loop_wait']}: with a safety margin of"
            f" {margin} s Patroni cannot use the watchdog",
            "raise ttl, lower loop_wait, or set the watchdog's mode to off",
        )


def monitoring(hosts: Sequence[Host]) -> Findings:
    """Of one cluster of Patroni, over TLS, on hosts that tell each other what was sent."""
    monitors, data = read.monitors(hosts), hosts[0].data
    if not monitors:
        return
    if len(monitors) > MOST_MONITORS:
        cause = f"the group monitor has {len(monitors)} hosts"
        yield _finding("monitoring", cause, f"use at most {MOST_MONITORS}")
    if not data["tls"]:
        cause = "the group monitor has hosts, and tls is False: metrics and alerts would be open to everybody"
        yield _finding("monitoring", cause, "set `tls` to True, or `monitored` to False")
    if systems.of(data) is not systems.SYSTEMS[systems.DEFAULT]:
        cause = f"the group monitor has hosts, and there is no monitoring for the system {data['system']!r}"
        yield _finding("monitoring", cause, "set `monitored` to False")


# What each setting of Patroni comes from.
SETTLED = {
    **dict.fromkeys(
        ("ttl", "loop_wait", "retry_timeout", "maximum_lag_on_failover", "primary_start_timeout", "failsafe_mode"),
        "timings",
    ),
    **dict.fromkeys(("synchronous_mode", "synchronous_mode_strict"), "durability"),
    "synchronous_node_count": "synchronous_nodes",
}
CHECKS: tuple[Callable[[Sequence[Host]], Findings], ...] = (
    login, addresses, roles, ports, existing, floating, fence.settings, monitoring,
)  # fmt: skip
OF_PATRONI: tuple[Callable[[Sequence[Host]], Findings], ...] = (
    settled, floors, etcd, synchronous, replication, lost_standby, proxies, watchdog,
)  # fmt: skip


def check(hosts: Sequence[Host]) -> list[Finding]:
    """Everything that is wrong with the settings. The profile must exist (inventories.read.check)."""
    checks = (*CHECKS, *OF_PATRONI) if systems.of(hosts[0].data) is systems.SYSTEMS[systems.DEFAULT] else CHECKS
    return [finding for one in checks for finding in one(hosts)]

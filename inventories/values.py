"""What the value of each inventory key may be. A wrong one is refused when the inventory is read, not on a host.

`chaos_allowed = "False"` would allow faults, a port that is a text would end up in a firewall rule, and a name with a
line break in a command.
"""

import difflib
import ipaddress
import re
import shlex
from collections.abc import Callable, Collection, Mapping
from string import Formatter
from typing import Any, NamedTuple

from firedrill.inventories import profiles, releases
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.printable import printable

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
ADDRESS = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:%_-]{0,252}")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]+")
UNIT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9:_.@\\-]{0,250}")
FOLDER = re.compile(r"(/[A-Za-z0-9._-]+)+")
DURATION = re.compile(r"[1-9][0-9]*[hdwy]")
DEVICE = re.compile(r"/dev(/[A-Za-z0-9_-]+)+")
WATCHDOG_MODES = ("automatic", "required", "off")
MOST = 2**31 - 1
TLS_KEYS = ("etcd_tls", "patroni_tls", "haproxy_stats_tls", "http_tls", "mysql_tls")
SQL_MODES = ("verify-full", "verify-ca", "disable")
# Keys whose value may hold a password: a wrong one is not shown.
HIDDEN = (
    "sudo", "credentials", "secrets", "ssh_password", "ssh_key_password", "ssh_paramiko_connect_kwargs", "sql_options",
    "power", "monitor_receivers",
)  # fmt: skip


class Kind(NamedTuple):
    """A kind of value: its name in messages, and whether a value is of it."""

    name: str
    holds: Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _whole(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _number(value: Any, least: int = 0) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and least <= value <= MOST


def _matching(name: str, pattern: re.Pattern[str]) -> Kind:
    return Kind(name, lambda value: isinstance(value, str) and bool(pattern.fullmatch(value)))


def _list(of: Kind) -> Kind:
    return Kind(f"a list, each {of.name}", lambda value: isinstance(value, list | tuple) and all(map(of.holds, value)))


def _dict(of: Kind) -> Kind:
    return Kind(
        f"a dictionary of names, each with {of.name}",
        lambda value: isinstance(value, Mapping) and all(_text(key) and of.holds(value[key]) for key in value),
    )


def _disk(value: Any) -> bool:
    """For /etc/fstab: without blanks."""
    return (
        isinstance(value, Mapping)
        and isinstance(value.get("path"), str)
        and bool(FOLDER.fullmatch(value["path"]))
        and _whole(value.get("gib"), 1, MOST)
    )


def _own(value: Any) -> bool:
    """The user's own certificates: three paths, with {host} and {role} to fill in."""
    if not isinstance(value, Mapping) or value.keys() != {"ca", "cert", "key"} or not all(map(_text, value.values())):
        return False
    return all(_filled(path, host="h", role="r") for path in value.values())


def _filled(text: str, **words: str) -> bool:
    """Whether a text has no other placeholders than these, and none with a format of its own."""
    try:
        parts = [(field, form or way) for _, field, form, way in Formatter().parse(text)]
    except ValueError:
        return False
    return all(field in (None, *words) and not form for field, form in parts)


def _power(value: Any) -> bool:
    """A command line for this machine."""
    if not _text(value) or not _filled(value, name="n", address="a", inventory="i"):
        return False
    try:
        return bool(shlex.split(value))
    except ValueError:
        return False


def _package(value: Any) -> bool:
    """A word of a command on the hosts."""
    return isinstance(value, str) and bool(PACKAGE.fullmatch(value.replace("{postgres_version}", "0")))


def _watchdog(value: Any) -> bool:
    """The device is part of a systemd unit and of commands."""
    return (
        isinstance(value, Mapping)
        and value.get("mode", "off") in WATCHDOG_MODES
        and bool(DEVICE.fullmatch(str(value.get("device", "/dev/watchdog"))))
    )


def _receivers(value: Any) -> bool:
    """`firedrill` is the name of our own."""
    return isinstance(value, list | tuple) and all(
        isinstance(one, Mapping) and _text(one.get("name")) and one["name"] not in ("", "firedrill") for one in value
    )


def _fence_power(value: Any) -> bool:
    """Nothing, or both commands: what is off is asked, not concluded from an exit code."""
    if not isinstance(value, Mapping) or value.keys() not in (set(), {"status", "off"}):
        return False
    return all(COMMAND.holds(one) for one in value.values())


def _network(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(ipaddress.ip_network(value))
    except ValueError:
        return False


def _or_none(of: Kind) -> Kind:
    return Kind(f"{of.name}, or None", lambda value: value is None or of.holds(value))


def _one_of(*names: str) -> Kind:
    return Kind(f"one of {', '.join(names)}", lambda value: isinstance(value, str) and value in names)


TEXT = Kind("a text without control characters", _text)
FLAG = Kind("True or False", lambda value: isinstance(value, bool))
PORT = Kind("a port from 1 to 65535", lambda value: _whole(value, 1, 65535))
COUNT = Kind("a whole number from 1 on", lambda value: _whole(value, 1, MOST))
NUMBER = Kind("a number that is not negative", _number)
WHOLE = Kind("a whole number that is not negative", lambda value: _whole(value, 0, MOST))
SCALAR = Kind("a number, a text, True or False", lambda value: _text(value) or FLAG.holds(value) or _number(value))
SIGNED = Kind(SCALAR.name, lambda value: SCALAR.holds(value) or _number(value, -MOST))
ADDRESSED = _matching("an address or a DNS name", ADDRESS)
PACKAGES = _list(Kind("the name of a Debian package, which may have {postgres_version} in it", _package))
POWER = Kind("a command with no other placeholders than {name}, {address} and {inventory}", _power)
CLUSTER = _matching("letters, digits, dots, dashes and underscores", NAME)
ENTRIES = _or_none(_dict(TEXT))
COMMAND = Kind(
    'a list of a program and its arguments, such as ["pass", "show", "db/firedrill"]',
    lambda value: isinstance(value, list | tuple) and all(map(_text, value)) and bool(value and value[0]),
)
SOURCE = Kind(
    f"a dictionary of texts; a `password_command` is {COMMAND.name}",
    lambda value: (
        isinstance(value, Mapping)
        and all((COMMAND if key == "password_command" else TEXT).holds(value[key]) for key in value)
    ),
)

SQL_OPTIONS = Kind(
    'a dictionary of libpq options, sslmode "verify-full", "verify-ca" or "disable": others encrypt for anybody',
    lambda value: _dict(SIGNED).holds(value) and value.get("sslmode", "disable") in SQL_MODES,
)

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("patroni_namespace", "secrets_file", "database", "postgres_data", "read_lag"), TEXT),
    **dict.fromkeys(("profile", "provider", "patroni_name", "haproxy_stats_path", "system"), TEXT),
    **dict.fromkeys(("chaosblade_archive", "chaosblade_sha256"), TEXT),
    "chaosblade_folder": _matching("an absolute path of letters, digits, dots, dashes and underscores", FOLDER),
    **dict.fromkeys(("ssh_user", "ssh_key", "ssh_known_hosts_file", "ssh_config_file"), _or_none(TEXT)),
    **dict.fromkeys(("ssh_password", "ssh_key_password"), _or_none(TEXT)),
    **dict.fromkeys(("chaos_allowed", "foreign", "tls"), FLAG),
    **dict.fromkeys(("ssh_allow_agent", "ssh_look_for_keys", "ssh_forward_agent"), FLAG),
    # pyinfra knows others, which accept any key of a host, each time, or ask in the middle of a deploy.
    "ssh_strict_host_key_checking": _one_of("accept-new", "yes"),
    "ssh_connect_retries": WHOLE,
    **dict.fromkeys(("ssh_connect_retry_min_delay", "ssh_connect_retry_max_delay"), NUMBER),
    "ssh_file_transfer_protocol": _one_of("sftp", "scp"),
    "ssh_paramiko_connect_kwargs": Kind("a dictionary", lambda value: isinstance(value, Mapping)),
    **dict.fromkeys(("disk_gib", "memory_mib", "etcd_heartbeat_ms", "etcd_election_ms"), COUNT),
    **dict.fromkeys(("certificate_days", "renew_days"), COUNT),
    **dict.fromkeys(("unobserved", "postgres_logs"), _list(TEXT)),
    "client_networks": _list(Kind("a network such as 10.1.0.0/16", _network)),
    "power": _or_none(_dict(POWER)),
    **dict.fromkeys(("lab", *TLS_KEYS), ENTRIES),
    "sudo": Kind(f"True, False, or {SOURCE.name}", lambda value: FLAG.holds(value) or (SOURCE.holds(value) and value)),
    "cluster": CLUSTER,
    "durability": _or_none(_one_of(*profiles.LEVELS)),
    "synchronous_nodes": COUNT,
    "fence": _one_of("off", "quorum", "power"),
    "fence_misses": Kind("a whole number from 2 to 50", lambda value: _whole(value, 2, 50)),
    "fence_interval_ms": Kind("a whole number from 50 to 5000", lambda value: _whole(value, 50, 5000)),
    "fence_power": Kind(f"a dictionary, `status` and `off` being {COMMAND.name}", _fence_power),
    "fence_power_seconds": COUNT,
    "fence_unsafe_without_refusal": FLAG,
    "release": _or_none(_one_of(*releases.RELEASES)),
    "postgres_version": _or_none(_matching("a major version such as '17'", re.compile(r"[1-9][0-9]"))),
    "ssh_hostname": ADDRESSED,
    "ssh_port": PORT,
    "vip": _or_none(ADDRESSED),
    "virtual_router_id": Kind("a number from 1 to 255", lambda value: _whole(value, 1, 255)),
    "ports": _dict(PORT),
    "units": _dict(_matching("the name of a systemd unit", UNIT)),
    "haproxy_backends": _dict(TEXT),
    "credentials": _dict(_or_none(SOURCE)),
    "secrets": _dict(SOURCE),
    "sql_options": SQL_OPTIONS,
    "postgres_parameters": _dict(SIGNED),
    "timings": _dict(SCALAR),
    "group_replication": _dict(NUMBER),
    "profiles": _dict(_dict(SCALAR)),
    "watchdog": Kind('a dictionary: `mode` automatic, required or off, and `device` a path below /dev', _watchdog),
    **dict.fromkeys(("packages", "exporter_packages"), _dict(PACKAGES)),
    "deadlines": _dict(NUMBER),
    "power_seconds": NUMBER,
    "certificates": _or_none(
        Kind('a dictionary such as {"ca": "ca.crt", "cert": "{host}-{role}.crt", "key": "{host}-{role}.key"}', _own)
    ),
    "monitored": FLAG,
    **dict.fromkeys(("scrape_seconds", "evaluation_seconds"), COUNT),
    "monitor_group_wait": NUMBER,
    "monitor_retention": _matching("a time as in Prometheus, such as 30d", DURATION),
    "monitor_receivers": Kind("a list of receivers, each a dictionary with a `name` other than firedrill", _receivers),
    "grafana_dashboards": _or_none(_matching("an absolute path of letters, digits, dots, dashes", FOLDER)),
    "patroni_settings": Kind("a dictionary", lambda value: isinstance(value, Mapping)),
    "data_disk": _or_none(Kind('a dictionary such as {"path": "/srv/data", "gib": 4}', _disk)),
}  # fmt: skip

# Single values of a profile; Patroni takes whole seconds.
TIMINGS: dict[str, Kind] = {
    **dict.fromkeys(("ttl", "loop_wait", "retry_timeout", "primary_start_timeout", "safety_margin"), WHOLE),
    "maximum_lag_on_failover": WHOLE,
    **dict.fromkeys(("wal_sender_timeout", "wal_receiver_timeout", "inter", "fastinter", "downinter"), NUMBER),
    **dict.fromkeys(("rise", "fall"), COUNT),
    "synchronous_mode": _one_of(*profiles.LEVELS),
    "failsafe_mode": FLAG,
    "etcd_election": NUMBER,
}


def check(where: str, data: Mapping[str, Any]) -> None:
    """Refuse a value of the wrong kind. Raises InventoryProblem with the key, what was found and what was wanted."""
    for key, kind in KINDS.items():
        if key in data and not kind.holds(data[key]):
            shown = "(not shown: it may hold a password)" if key in HIDDEN else _short(data[key])
            raise InventoryProblem(f"{where} has the {key} {shown}", f"give it {kind.name}")


def check_timings(where: str, given: Mapping[str, Any]) -> None:
    """Refuse a value of the wrong kind in a profile or in `timings`. Raises InventoryProblem."""
    for name, value in given.items():
        if name in TIMINGS and not TIMINGS[name].holds(value):
            raise InventoryProblem(f"{where} has the {name} {_short(value)}", f"give it {TIMINGS[name].name}")


def check_profile(where: str, data: Mapping[str, Any]) -> None:
    """Refuse a profile that does not exist. Raises InventoryProblem."""
    if data["profile"] not in data["profiles"]:
        raise InventoryProblem(
            f"{where} has the unknown profile {data['profile']!r}", f"the profiles are {', '.join(data['profiles'])}"
        )


def refuse_unknown(where: str, found: Collection[str], known: Collection[str]) -> None:
    """Refuse a name that is not known. Raises InventoryProblem with the one that is meant, or all that are known."""
    for key in found:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            remedy = f"did you mean {near[0]!r}?" if near else f"the known ones are {', '.join(sorted(known))}"
            raise InventoryProblem(f"{where} has the unknown key {key!r}", remedy)


def is_ipv4(text: str) -> bool:
    """Whether a text is an address of IPv4, not of IPv6 and no name."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _short(value: Any) -> str:
    shown = printable(repr(value))
    return shown if len(shown) <= 80 else f"{shown[:77]}..."

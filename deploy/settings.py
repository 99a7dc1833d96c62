"""Patroni's dynamic configuration: the cluster-wide settings, kept in etcd.

Whoever can write there can run commands on the database hosts (`archive_command`, `callbacks`, ...). So the deploy
compares all of it with what it set. A foreign number or switch that neither opens an access nor gives up durability is
listed. Anything else ends the deploy before a change: a text can be a command, a path, a library or an address,
whatever its name.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pyinfra import host, logger, state
from pyinfra.api import FactBase, QuoteString, StringCommand, operation

from firedrill.deploy import topology, versions
from firedrill.inventories import profiles, read
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.printable import printable

COMMAND = "/usr/local/sbin/firedrill-settings"
PROGRAM = Path(__file__).parent / "on_host" / "patroni_settings.py"
AMOUNT = re.compile(r"[+-]?\d+(\.\d+)?\s*(B|kB|MB|GB|TB|us|ms|s|min|h|d)?|on|off|true|false|yes|no", re.IGNORECASE)
# Numbers and switches that grant access or reduce durability. A dot: of an extension, whose meaning is unknown.
UNSAFE = re.compile(
    r"ssl\w*|port|\w*_file_mode|unix_socket_permissions|allow_\w+|row_security|db_user_namespace|lo_compat_privileges"
    r"|session_replication_role|fsync|full_page_writes|zero_damaged_pages|ignore_\w+|synchronous_commit"
    r"|data_sync_retry|.*\..*"
)
# Parameters of PostgreSQL whose text is the name of a format, a zone or a mode.
NAMED = re.compile(
    r"timezone|log_timezone|datestyle|intervalstyle|lc_(messages|monetary|numeric|time)|log_line_prefix|log_statement"
    r"|log_min_\w+|client_min_messages|log_error_verbosity|default_transaction_isolation|wal_level|wal_compression"
    r"|default_toast_compression|huge_pages|constraint_exclusion|plan_cache_mode|compute_query_id|track_functions"
    r"|recovery_prefetch|default_text_search_config"
)
PARAMETERS = ("postgresql", "parameters")


def dynamic(profile: dict[str, Any]) -> dict[str, Any]:
    """The cluster-wide settings of a profile in the form of Patroni's dynamic configuration."""
    data = topology.data()
    parameters = read.postgres_parameters(data)
    for name in ("wal_sender_timeout", "wal_receiver_timeout"):
        parameters[name] = f"{profile[name]}s"
    ours = {
        "ttl": profile["ttl"],
        "loop_wait": profile["loop_wait"],
        "retry_timeout": profile["retry_timeout"],
        "maximum_lag_on_failover": profile["maximum_lag_on_failover"],
        "primary_start_timeout": profile["primary_start_timeout"],
        **profiles.patroni_settings(versions.durability().level, profile["synchronous_node_count"]),
        "failsafe_mode": profile["failsafe_mode"],
        "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": parameters},
    }
    return merged(data["patroni_settings"], ours)


def merged(given: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Both, entry by entry; `ours` where both have one."""
    inner = {
        key: merged(given[key], value)
        for key, value in ours.items()
        if isinstance(value, Mapping) and isinstance(given.get(key), Mapping)
    }
    return {**given, **ours, **inner}


class DynamicSettings(FactBase[dict[str, Any]]):
    """Patroni's dynamic configuration; empty if Patroni does not answer."""

    default = dict

    def command(self) -> str:
        return f"if [ -x {COMMAND} ]; then {COMMAND} show 2>/dev/null || echo {{}}; else echo {{}}; fi"

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


def foreign(found: Mapping[str, Any], wanted: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[Any]:
    """What `found` has in addition, as (path, value)."""
    for key, value in found.items():
        if isinstance(value, Mapping) and isinstance(wanted.get(key, {}), Mapping):
            yield from foreign(value, wanted.get(key, {}), (*path, key))
        elif key not in wanted and value is not None:
            yield (*path, key), value


def safe(path: tuple[str, ...], value: Any) -> bool:
    """Whether a setting can neither run a command, nor open an access, nor give up durability."""
    name = path[-1]
    if isinstance(value, bool | int | float) or (isinstance(value, str) and AMOUNT.fullmatch(value.strip())):
        return not UNSAFE.fullmatch(name.lower())
    return isinstance(value, str) and path[:-1] == PARAMETERS and bool(NAMED.fullmatch(name.lower()))


def refuse_unsafe(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """The names of other settings that are safe. Raises InventoryProblem for those that are not.

    Their values are not shown: a command may hold a password.
    """
    others = list(foreign(found, wanted))
    if unsafe := [_dotted(path) for path, value in others if not safe(path, value)]:
        remove = f"patronictl -c /etc/patroni/config.yml edit-config --set {unsafe[0]}=null"
        raise InventoryProblem(
            "Patroni's dynamic configuration has settings that Firedrill did not set, and that can run commands, "
            f"grant access or reduce durability: {', '.join(unsafe)}",
            f"find out who set them; remove them (`{remove}` on a database host), or declare your own in "
            "`patroni_settings` or `postgres_parameters` of the inventory",
        )
    return [_dotted(path) for path, _ in others]


def _dotted(path: tuple[str, ...]) -> str:
    return printable(".".join(map(str, path)))


def refuse_foreign() -> None:
    """Look for foreign settings, before any change. Raises InventoryProblem."""
    if not topology.has("postgres"):
        return
    others = refuse_unsafe(host.get_fact(DynamicSettings), dynamic(topology.profile()))
    if others and topology.me() == topology.first("postgres"):
        logger.info(f"cluster-wide settings of others, kept: {', '.join(others)}")


@operation()
def settings(wanted: dict[str, Any]):
    """
    Update Patroni's dynamic configuration through its REST API.

    + wanted: the settings to apply; others are not changed
    """
    steps = list(_steps(host.get_fact(DynamicSettings), wanted, executing=state.is_executing))
    if not steps:
        host.noop("the cluster-wide settings are up to date")
    yield from steps


def _steps(found: dict[str, Any], wanted: dict[str, Any], *, executing: bool) -> Iterator[StringCommand]:
    try:
        refuse_unsafe(found, wanted)
    except InventoryProblem as problem:  # not seen before the deploy: Patroni did not run, or they are new
        yield StringCommand("echo", QuoteString(str(problem)), ">&2; exit 1")
        return
    # Of a plan: Patroni does not run yet, and will begin with these settings.
    if (patch := difference(found, wanted)) and (found or executing):
        yield StringCommand(COMMAND, "patch", _stdin=json.dumps(patch))

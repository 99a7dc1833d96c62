"""Events of format 1, as they were recorded for Patroni alone, upgraded to format 2: pure, an event at a time.

Format 1 names what was asked (`etcd`, `patroni`, `haproxy`, `locust`, `ledger`); format 2 names what is observed.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

FORMAT = 1
SOURCES = {"etcd": "leadership", "patroni": "members", "haproxy": "proxy", "locust": "users", "ledger": "tables"}
TIERS = (
    ("proxy", "HAProxy"),
    ("postgres", "PostgreSQL"),
    ("etcd", "etcd"),
    ("app", "Application"),
    ("monitor", "Monitor"),
)
PURPOSES = {"postgres_write": "write", "postgres_read": "read", "weather": "app"}
RUNNING = ("running", "streaming")
PRIMARY = ("primary", "master")
ACTIONS = ("snapshot", "put", "delete")


def upgraded(event: Mapping[str, Any]) -> dict[str, Any]:
    """One event in format 2. ValueError where it is none of format 1."""
    source, kind = event.get("source"), event.get("kind")
    if not isinstance(source, str) or not isinstance(kind, str):
        return dict(event)
    change = CHANGES.get((source, kind))
    return {**event, "source": SOURCES.get(source, source)} | (change(event) if change else {})


def upgrade(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All events in format 2."""
    return [upgraded(event) for event in events]


# -- the runner ------------------------------------------------------------------------------------------


def _run(event: Mapping[str, Any]) -> dict[str, Any]:
    hosts = [host for host in _items(event.get("topology")) if isinstance(host, Mapping)]
    databases, proxies = _of_role(hosts, "postgres"), _of_role(hosts, "proxy")
    return {
        "format": 2,
        "system": "patroni",
        "databases": databases,
        "coordinators": _of_role(hosts, "etcd"),
        "proxies": proxies,
        "tiers": [{"title": title, "hosts": found} for role, title in TIERS if (found := _of_role(hosts, role))],
        "observers": _observers(event, [host.get("name") for host in hosts], databases, proxies),
    }


def _observers(event: Mapping[str, Any], hosts: list[Any], databases: list[Any], proxies: list[Any]) -> list[Any]:
    """Every observer of format 1: a proxy and users were required only where the run had them."""
    load = event.get("load") or {"users": 0}
    proxied = (proxies or not hosts) and "haproxy" not in _items(event.get("unobserved"))
    rows: tuple[tuple[str, int, list[Any] | None, bool], ...] = (
        ("write_probe", 20, None, True),
        ("node_probe", 50, databases, True),
        ("leadership", 1000, None, True),
        ("members", 1000, databases, True),
        ("proxy", 1000, proxies, bool(proxied)),
        ("users", 1000, None, not isinstance(load, Mapping) or load.get("users") != 0),
        ("tcp", 1000, hosts, False),
    )
    return [{"name": name, "interval_ms": ms, "hosts": of, "required": needed} for name, ms, of, needed in rows]


def _of_role(hosts: list[Mapping[str, Any]], role: str) -> list[Any]:
    return [host.get("name") for host in hosts if role in _items(host.get("roles"))]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _epoch(event: Mapping[str, Any]) -> dict[str, Any]:
    return {"epoch": event.get("timeline")}


def _roles(event: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": "roles", "coordinator_leader": event.get("etcd_leader")}


def _observer(event: Mapping[str, Any]) -> dict[str, Any]:
    name = event.get("name")
    return {"name": SOURCES.get(name, name) if isinstance(name, str) else name}


# -- what was observed -----------------------------------------------------------------------------------


def _key(event: Mapping[str, Any]) -> dict[str, Any]:
    """The leader key is the leadership, `sync` the synchronous standbys; any other key stays raw evidence."""
    if event.get("action") not in ACTIONS:
        raise ValueError(f"'action' cannot be {event.get('action')!r:.80}, wanted {' or '.join(ACTIONS)}")
    value = None if event["action"] == "delete" else event.get("value")
    if event.get("key") == "leader":
        return {"kind": "leadership", "holder": value, "epoch": None}
    if event.get("key") == "sync":
        return {"kind": "sync", "standbys": _standbys(value)}
    return {}


def _standbys(value: Any) -> list[str]:
    try:
        found = json.loads(value or "{}") if isinstance(value, str | None) else None
    except (ValueError, RecursionError):
        return []
    names = found.get("sync_standby") if isinstance(found, dict) else None
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else []


def _member(event: Mapping[str, Any]) -> dict[str, Any]:
    role = "replica"
    if event.get("state") not in RUNNING:
        role = "starting"
    elif event.get("role") in PRIMARY:
        role = "primary"
    return {"role": role if event.get("reachable") else None} | _epoch(event)


def _server(event: Mapping[str, Any]) -> dict[str, Any]:
    backend = event.get("backend")
    return {"purpose": PURPOSES.get(backend) if isinstance(backend, str) else None}


CHANGES: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    ("runner", "run"): _run,
    ("runner", "steady"): _epoch,
    ("runner", "parts"): _roles,
    ("runner", "observer"): _observer,
    ("etcd", "key"): _key,
    ("patroni", "member"): _member,
    ("haproxy", "server"): _server,
    ("node_probe", "write"): _epoch,
}

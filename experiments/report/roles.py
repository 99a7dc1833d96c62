"""The picture of the cluster before and after the fault: tier by tier, each host with its role."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from firedrill.experiments.judge.recording import Recording

TIERS = (
    ("proxy", "HAProxy"),
    ("postgres", "PostgreSQL"),
    ("etcd", "etcd"),
    ("app", "Application"),
    ("monitor", "Monitor"),
)


@dataclass(frozen=True)
class Box:
    """A host in the picture: its role, and the fault that hit it."""

    name: str
    address: str
    role: str
    hit: str


def stage(rec: Recording, phase: str) -> list[tuple[str, list[Box]]]:
    """The cluster before or after the fault. A host with several roles appears in several tiers."""
    steady = rec.steady(phase) or {}
    hits = {e["host"]: e["fault"].replace("_", " ") for e in rec.injected if phase == "before" and e.get("host")}
    parts: dict[str, Any] = next((e for e in reversed(rec.of("runner", "parts")) if e["phase"] == phase), {})
    special = {
        "etcd": (parts.get("etcd_leader"), "coordinator leader"),
        "proxy": (parts.get("address_holder"), "holds the address"),
    }
    found = []
    for role, title in TIERS:
        hosts = [host for host in rec.run["topology"] if role in (host.get("roles") or ())]
        who, text = special.get(role, (None, ""))
        named = {host["name"]: text if host["name"] == who else "" for host in hosts}
        if role == "postgres":
            named = {host["name"]: database_role(steady, host["name"]) for host in hosts}
        boxes = [_box(host, named[host["name"]], hits) for host in hosts]
        found += [(title, boxes)] if boxes else []
    return found


def _box(host: dict[str, Any], role: str, hits: Mapping[str, str]) -> Box:
    return Box(host["name"], host.get("address") or "", role, hits.get(host["name"], ""))


def database_role(steady: Mapping[str, Any], name: str) -> str:
    """The role of a database host in a steady state."""
    if not steady:
        return "not observed"
    if name == steady.get("leader"):
        return "leader"
    return "sync standby" if name in (steady.get("sync_standbys") or ()) else "replica" if steady["ok"] else "?"

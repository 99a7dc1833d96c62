"""What a host has already: processes on our ports, packages, free space, data."""

import math
from collections.abc import Sequence
from typing import Any

from firedrill.deploy import wanted
from firedrill.deploy.preflight.finding import SETTINGS, Finding
from firedrill.deploy.preflight.seen import Findings, Seen, finding
from firedrill.inventories import authority, certificates

GIB, MIB = 2**30, 2**20
FSYNC_MS = 10  # 99th percentile; etcd's own advice
# Free bytes: before the first deploy less than the first is refused; less than the second is a warning.
ROOM = {
    "/": (512 * MIB, GIB),
    wanted.ETCD: (256 * MIB, GIB),
    wanted.POSTGRES: (GIB, 2 * GIB),
    wanted.MYSQL: (GIB, 2 * GIB),
}
PACKAGES_ROOM = GIB  # what the packages of all roles need on / at most


def ports(all_seen: Sequence[Seen]) -> Findings:
    for seen in all_seen:
        roles = wanted.ports(seen.host, monitored=True)
        for holder in seen.found.get("ports", ()):
            if not _may_hold(seen, holder, roles[holder["port"]]):
                who = f"{holder['process']} (pid {holder['pid']}, {holder['unit']})" if holder["pid"] else "the kernel"
                yield finding(
                    seen,
                    "ports",
                    f"port {holder['port']} is taken by {who}",
                    "stop it and disable it at boot, or set another port in `ports`",
                )


def _may_hold(seen: Seen, holder: dict[str, Any], role: str) -> bool:
    """Whether it is the service that the deploy configured, or a packaged one without data that it stops."""
    unit = str(holder["unit"] or "").removesuffix(".service")
    if role == "etcd" and unit == "etcd" and seen.found["etcd"]["packaged_unused"]:
        return True
    if role == "postgres" and unit == f"postgresql@{seen.found['postgres']['version']}-main":
        return True
    return unit in wanted.SERVICES[role] and any(name in seen.found["ours"] for name in wanted.SERVICES[role])


def packages(all_seen: Sequence[Seen]) -> Findings:
    for seen in all_seen:
        found = seen.found.get("packages")
        if not found or not found["missing"]:
            continue
        names = " ".join(found["unavailable"])
        if not found["sources"]:
            yield finding(
                seen,
                "packages",
                f"apt has no package sources, and {len(found['missing'])} packages are missing",
                "add Debian's archive to /etc/apt/sources.list.d",
            )
        elif names:
            yield finding(
                seen,
                "packages",
                f"not available from the package sources: {names}",
                "run apt-get update there, or add the source that has them",
            )


def first_members(all_seen: Sequence[Seen], left_out: Sequence[str]) -> Findings:
    """A new etcd decides its version once all members have been there, and Patroni uses none without a version."""
    mine = [seen.found["etcd"]["exists"] for seen in all_seen if "etcd" in seen.found]
    if left_out and mine and not any(mine):
        yield Finding(
            SETTINGS,
            "etcd members",
            f"the first deploy leaves out {', '.join(left_out)}: a new etcd needs all its members once",
            "deploy to all hosts",
        )


def disks(all_seen: Sequence[Seen]) -> Findings:
    for seen in all_seen:
        for path, found in seen.found["disks"].items():
            if found["read_only"]:
                yield finding(seen, "disks", f"{path} is on a read-only file system", "remount it writable")
            elif path in ROOM:
                yield from _room(seen, path, found["free"])


def _room(seen: Seen, path: str, free: int) -> Findings:
    least, enough = ROOM[path]
    if path == "/" and seen.found.get("packages", {}).get("missing"):
        least, enough = PACKAGES_ROOM, 2 * PACKAGES_ROOM
    if free < enough:
        yield finding(
            seen,
            "disks",
            f"{path} has {free / GIB:.1f} GiB free, {least / GIB:.2g} are needed and {enough / GIB:.2g} recommended",
            "free some",
            refused=free < least and not seen.deployed,
        )


def fsync(all_seen: Sequence[Seen]) -> Findings:
    """Only before the first deploy, and as a warning: another load may have been the cause."""
    for seen in all_seen:
        times = sorted(seen.found.get("etcd", {}).get("fsync_ms", ()))
        slowest = times[math.ceil(0.99 * len(times)) - 1] if times else 0
        if slowest > FSYNC_MS:
            yield finding(
                seen,
                "fsync",
                f"fsync in {wanted.ETCD} takes {slowest:.0f} ms (99th percentile of {len(times)}), etcd wants"
                f" {FSYNC_MS} or less",
                "use a faster disk for etcd, or raise etcd_heartbeat_ms and etcd_election_ms",
                refused=False,
            )


def foreign_data(all_seen: Sequence[Seen]) -> Findings:
    """Data that a deploy of this cluster did not create is neither used nor overwritten."""
    for seen in all_seen:
        ours, cluster = seen.found["ours"], seen.host.data["cluster"]
        for service, role in (("etcd", "etcd"), ("patroni", "postgres"), ("mysql", "mysqld")):
            other = ours.get(service)
            if role in seen.host.roles and other and other != cluster:
                yield finding(
                    seen,
                    "foreign data",
                    f"its {service} belongs to the cluster {other!r}",
                    f"use another host, or set `cluster` to {other!r}",
                )
            elif seen.found.get(role, {}).get("exists") and service not in ours:
                yield finding(
                    seen,
                    "foreign data",
                    f"{_folder(seen, role)} has data, and no deploy has configured {service} here",
                    "move the folder away, or choose another name in `cluster`",
                )
        if seen.found.get("postgres", {}).get("main") and "patroni" not in ours:
            version = seen.found["postgres"]["version"]
            yield finding(
                seen,
                "foreign data",
                f"Debian's cluster {version}/main is in use and has data",
                f"use another host, or move it away: pg_renamecluster {version} main OTHER and disable it at boot",
            )


def tables_of_mysql(all_seen: Sequence[Seen]) -> Findings:
    """Our data folder is inside that of the package, whose server would take it for a database."""
    for seen in all_seen:
        if seen.found.get("mysqld", {}).get("packaged") and "mysql" not in seen.found["ours"]:
            yield finding(
                seen,
                "foreign data",
                f"{wanted.MYSQL} has tables of another server",
                "use another host, or move the folder away",
            )


def server_uuids(all_seen: Sequence[Seen]) -> Findings:
    """A copied data folder: two servers with one id cannot be in a group."""
    first: dict[str, Seen] = {}
    for seen in all_seen:
        uuid = seen.found.get("mysqld", {}).get("uuid")
        other = first.setdefault(uuid, seen) if uuid else seen
        if other is not seen:
            folder = wanted.folder(seen.host, "mysqld", "")
            yield finding(
                seen,
                "foreign data",
                f"its MySQL has the server_uuid {uuid}, as has that of {other.host.name}: its data is a copy",
                f"move {folder} away: the server then joins with a copy of the group's data",
            )


def _folder(seen: Seen, role: str) -> str:
    return wanted.folder(seen.host, role, seen.found.get("postgres", {}).get("version", ""))


def system_identifiers(all_seen: Sequence[Seen]) -> Findings:
    """Members of one cluster are copies of each other."""
    known = [(seen, seen.found["postgres"]["system"]) for seen in all_seen if "postgres" in seen.found]
    values = [value for _, value in known if value]
    if not values:
        return
    most = max(values, key=values.count)
    for seen, value in known:
        if value and value != most:
            others = ", ".join(other.host.name for other, its in known if its == most)
            yield finding(
                seen,
                "foreign data",
                f"its PostgreSQL has the system identifier {value}, {others} has {most}",
                f"move {_folder(seen, 'postgres')} of the wrong one away: Patroni copies the leader's",
            )


def encryption(all_seen: Sequence[Seen]) -> Findings:
    """A running cluster is not switched between plain text and TLS; any host tells, so also with --limit."""
    for seen in all_seen:
        etcd, tls = seen.found.get("etcd", {}), bool(seen.host.data["tls"])
        found = set(seen.found.get("encrypted", {}).values())
        if etcd.get("exists") and "etcd" in seen.found["ours"]:
            found.add(etcd["tls"])
        if found - {tls}:
            was = "without TLS" if tls else "with TLS"
            yield finding(
                seen,
                "tls",
                f"the cluster was deployed {was}, the inventory has tls = {tls}",
                f"set `tls` to {not tls}, or create the cluster again on fresh hosts",
            )


def another_ca(all_seen: Sequence[Seen]) -> Findings:
    """Members of etcd read the CA at their start: the first to restart with another one would find no other member."""
    for seen in all_seen:
        found = seen.found.get("etcd", {}).get("ca")
        if not found or not seen.host.data["tls"] or not _runs_etcd(seen):
            continue
        file = certificates.known((), seen.host.data).ca
        mine = file.read_bytes() if file.is_file() else b""
        if not authority.same_key(found.encode(), mine):
            how = "another one than" if mine else "and there is no"
            yield finding(
                seen,
                "tls",
                f"its etcd runs with a CA, {how} {file}",
                "restore that from a backup; for a new CA stop etcd on all its hosts first: systemctl stop etcd",
            )


def _runs_etcd(seen: Seen) -> bool:
    return any(holder["unit"] == "etcd.service" for holder in seen.found.get("ports", ()))

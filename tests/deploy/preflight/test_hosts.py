"""What was seen of hosts, judged: each thing that can be wrong is a finding with its host, cause and remedy."""

import re
from dataclasses import replace

import pytest

from firedrill.deploy.preflight import data, hosts, look
from firedrill.deploy.preflight.finding import as_json, lines
from firedrill.deploy.preflight.seen import Seen
from firedrill.inventories import authority


def listener(port, process, unit, pid=812):
    return {"port": port, "pid": pid, "process": process, "unit": unit}


def test_fresh_hosts_have_no_findings(seen):
    assert hosts.check(list(seen.values())) == []


# What is seen instead: the host, the path of keys, the value; then the check, whether it is refused, what it says.
WRONG = [
    ("db1", "user", 1000, "root", True, r"commands run as the SSH user \(uid 1000\): log in"),
    ("db1", "reported", {"system": "debian 11", "codename": "bullseye"}, "release", True, r"db1 runs debian 11"),
    ("db1", "reported", {"system": "", "codename": ""}, "release", True, r"an unknown system"),
    ("db1", "systemd", False, "systemd", True, r"systemd does not run"),
    ("db2", "hostname", "db1", "identity", True, r"host name db1 is also that of db1: .*hostnamectl"),
    ("db2", "machine_id", "id of db1", "identity", True, r"machine id id of db1 is .*machine-id-setup"),
    ("db1", "now", 1001.4, "clock", False, r"the clock is 1\.3 s ahead of this machine's: synchronise"),
    ("db1", "now", 900.0, "clock", True, r"the clock is 99\.9 s behind"),
    ("db1", "max_sessions", 1, "sshd", True, r"MaxSessions 1: set MaxSessions to 2 or more"),
    ("db1", "ports", [listener(5432, "postgres", "postgresql@15-main.service")], "ports", True,
     r"port 5432 is taken by postgres \(pid 812, postgresql@15-main.service\): stop it"),
    ("lb1", "ports", [listener(443, "nginx", "nginx.service")], "ports", True, r"port 443 is taken by nginx \(pid 812"),
    ("db1", "ports", [listener(8008, None, None, None)], "ports", True, r"port 8008 is taken by the kernel"),
    ("etcd1", "ports", [listener(2379, "etcd", "etcd-other.service")], "ports", True, r"port 2379 is taken by etcd"),
    ("db1", "packages", {"missing": ["patroni"], "unavailable": ["patroni"], "lists": True, "sources": True},
     "packages", True, r"not available from the package sources: patroni: run apt-get update"),
    ("db1", "packages", {"missing": ["patroni"], "unavailable": [], "lists": False, "sources": False}, "packages",
     True, r"no package sources, and 1 packages are missing"),
    ("db1", "disks./.free", 100 << 20, "disks", True, r"/ has 0\.1 GiB free, 0\.5 are needed"),
    ("db1", "disks.//var/lib/postgresql.free", 3 << 29, "disks", False, r"/var/lib/postgresql has 1\.5 GiB free"),
    ("etcd1", "disks.//var/lib/etcd.free", 100 << 20, "disks", True, r"/var/lib/etcd has 0\.1 GiB free"),
    ("db1", "disks./etc.read_only", True, "disks", True, r"/etc is on a read-only file system"),
    ("etcd1", "etcd.fsync_ms", [1.0] * 95 + [25.0] * 5, "fsync", False, r"takes 25 ms \(99th percentile of 100\)"),
    ("etcd1", "etcd.exists", True, "foreign data", True, r"/var/lib/etcd/firedrill has data, and no deploy"),
    ("db1", "postgres.exists", True, "foreign data", True, r"/var/lib/postgresql/17/firedrill has data, and no deploy"),
    ("db1", "postgres.main", True, "foreign data", True, r"17/main is in use and has data"),
    ("db4", "mysqld.exists", True, "foreign data", True, r"/var/lib/mysql/firedrill has data, and no deploy"),
    ("db4", "mysqld.packaged", True, "foreign data", True, r"/var/lib/mysql has tables of another server: use another"),
    ("db4", "ours", {"mysql": "orders"}, "foreign data", True, r"its mysql belongs to the cluster 'orders'"),
    ("db1", "ours", {"patroni": "orders"}, "foreign data", True, r"its patroni belongs to the cluster 'orders'"),
    ("etcd1", "ours", {"etcd": "orders"}, "foreign data", True, r"its etcd belongs to the cluster 'orders'"),
    ("lb1", "address.network", None, "floating address", True, r"no interface has the address 192\.0\.2\.17"),
    ("lb1", "address.network", "192.0.2.31/28", "floating address", True, r"192\.0\.2\.100 is outside the network of"),
    ("lb1", "address.answers", "52:54:00:12:34:56", "floating address", True, r"in use by another host \(MAC 52:54"),
    ("lb1", "address.holds", True, "floating address", True, r"already configured here"),
    ("lb1", "nftables", False, "nftables", False, r"kernel has no nftables for IPv4"),
]  # fmt: skip


def change(seen, host, path, value):
    found = seen[host].found
    *parents, last = path.replace(".//", ".\0").split(".")
    for key in parents:
        found = found[key.replace("\0", "/")]
    found[last] = value


@pytest.mark.parametrize(("host", "path", "value", "check", "refused", "text"), WRONG)
def test_what_is_wrong_is_a_finding(seen, host, path, value, check, refused, text):
    change(seen, host, path, value)
    (found,) = hosts.check(list(seen.values()))
    assert (found.host, found.check, found.refused) == (host, check, refused)
    assert re.search(text, f"{found.cause}: {found.remedy}")
    assert lines([found])[0].startswith(f"{'✗' if refused else '⚠'} {host}  ")


@pytest.mark.parametrize("vip", ["front.example", "2001:db8::1"])
def test_a_floating_address_that_is_refused_among_the_settings_is_no_finding_of_a_host(seen, vip):
    for one in seen.values():
        one.host.data["vip"] = vip
    assert hosts.check(list(seen.values())) == []


@pytest.mark.parametrize(
    ("left_out", "there", "refused"), [(["etcd1"], [], True), (["etcd1"], ["etcd2"], False), ([], [], False)]
)
def test_the_first_deploy_needs_all_members_of_etcd(seen, left_out, there, refused):
    """Until then etcd has no version of its own, and Patroni asks an API that it does not have."""
    for name in there:
        seen[name].found["etcd"]["exists"] = True
    found = [one.cause for one in data.first_members([seen["etcd2"], seen["etcd3"], seen["db1"]], left_out)]
    assert found == ["the first deploy leaves out etcd1: a new etcd needs all its members once"] * refused


def test_a_deploy_to_other_hosts_needs_no_member_of_etcd(seen):
    assert list(data.first_members([seen["db1"]], ["etcd1", "etcd2", "etcd3"])) == []


def test_all_findings_at_once_refusals_first(seen):
    change(seen, "etcd1", "etcd.fsync_ms", [25.0])
    for host in ("db1", "lb1"):
        change(seen, host, "systemd", False)
    found = hosts.check(list(seen.values()))
    assert [line[:6] for line in lines(found)] == ["✗ db1 ", "✗ lb1 ", "⚠ etcd"]
    assert as_json(found)["ok"] is False and len(as_json(found)["findings"]) == 3


def deployed(seen):
    """The same hosts with a running cluster of ours."""
    for one in seen.values():
        mine = {"etcd": "etcd", "postgres": "patroni", "proxy": "haproxy", "app": "nginx", "mysqld": "mysql"}[
            one.host.roles[0]
        ]
        one.found["ours"] = {mine: "firedrill" if mine in ("etcd", "patroni") else None}
        if "etcd" in one.found:
            one.found["etcd"] = {"exists": True, "packaged_unused": True, "tls": bool(one.host.data.get("tls"))}
        if "postgres" in one.found:
            one.found["postgres"] = {"exists": True, "system": "7", "version": "17", "main": False}
    seen["db1"].found["ports"] = [listener(5432, "postgres", "patroni.service")]
    seen["lb1"].found["ours"]["keepalived"] = seen["lb2"].found["ours"]["keepalived"] = None
    seen["lb1"].found["address"]["holds"] = True
    seen["lb2"].found["address"]["answers"] = "52:54:00:12:34:56"
    return seen


def test_a_cluster_of_ours_has_no_findings(seen):
    assert hosts.check(list(deployed(seen).values())) == []


def test_what_a_running_cluster_has_too_little_of_is_a_warning(seen):
    deployed(seen)
    change(seen, "db1", "disks.//var/lib/postgresql.free", 1 << 20)
    (found,) = hosts.check(list(seen.values()))
    assert found.check == "disks" and not found.refused


def test_a_member_that_is_no_copy_of_the_others(seen):
    deployed(seen)
    change(seen, "db2", "postgres.system", "8")
    (found,) = hosts.check(list(seen.values()))
    assert (found.host, found.check) == ("db2", "foreign data")
    assert found.cause == "its PostgreSQL has the system identifier 8, db1, db3 has 7"


def test_two_mysql_servers_with_one_id_are_a_copy(seen):
    for name in ("db1", "db4"):
        seen[name] = replace(seen[name], host=replace(seen[name].host, roles=("mysqld",)))
        seen[name].found["mysqld"] = {"exists": False, "packaged": False, "uuid": "u-1"}
    found = [one for one in hosts.check(list(seen.values())) if "server_uuid" in one.cause]
    assert [(one.host, one.cause) for one in found] == [
        ("db4", "its MySQL has the server_uuid u-1, as has that of db1: its data is a copy")
    ]
    seen["db4"].found["mysqld"]["uuid"] = "u-2"
    assert not any("server_uuid" in one.cause for one in hosts.check(list(seen.values())))


def test_a_running_cluster_keeps_its_encryption(seen):
    deployed(seen)
    for name in ("etcd1", "etcd2", "etcd3"):
        seen[name].host.data["tls"] = True
        seen[name].found["etcd"]["tls"] = False
    found = hosts.check(list(seen.values()))
    assert [(one.host, one.check) for one in found] == [(name, "tls") for name in ("etcd1", "etcd2", "etcd3")]
    assert found[0].cause == "the cluster was deployed without TLS, the inventory has tls = True"


@pytest.mark.parametrize(("was", "tls"), [(True, False), (False, True), (True, True), (False, False)])
@pytest.mark.parametrize(("name", "service"), [("db1", "patroni"), ("lb1", "haproxy"), ("app1", "nginx")])
def test_any_host_tells_whether_the_cluster_has_tls(seen, name, service, was, tls):
    """With --limit, no member of etcd may be asked."""
    one = deployed(seen)[name]
    one.host.data["tls"], one.found["encrypted"] = tls, {service: was}
    found = hosts.check([one])
    assert [(each.host, each.check, each.refused) for each in found] == [(name, "tls", True)] * (was != tls)


@pytest.mark.parametrize(
    ("kept", "runs", "said"),
    [
        ("the CA", True, None),
        ("the CA, renewed", True, None),
        ("another", True, "its etcd runs with a CA, another one than "),
        (None, True, "its etcd runs with a CA, and there is no "),
        ("another", False, None),
        (None, False, None),
    ],
)
def test_a_running_etcd_keeps_its_ca(seen, tmp_path, kept, runs, said):
    """A member that restarts with another one finds no other member, and the deploy ends there."""
    first = authority.new_ca("demo")
    known = {
        "the CA": first,
        "the CA, renewed": authority.new_ca("demo", first.key),
        "another": authority.new_ca("demo"),
    }
    there = deployed(seen)["etcd1"]
    there.host.data["secrets_file"] = str(tmp_path / "secrets.json")
    there.found["etcd"]["ca"] = first.cert.decode()
    there.found["ports"] = [listener(2379, "etcd", "etcd.service")] if runs else []
    if kept:
        (tmp_path / "ca/firedrill").mkdir(parents=True)
        (tmp_path / "ca/firedrill/ca.crt").write_bytes(known[kept].cert)
    found = [f"{one.host} {one.check} {one.cause}: {one.remedy}" for one in hosts.check(list(seen.values()))]
    assert len(found) == (said is not None)
    if said:
        assert found[0].startswith(f"etcd1 tls {said}") and "restore that from a backup; for a new CA stop" in found[0]


@pytest.mark.parametrize(
    ("role", "active", "name"),
    [("etcd", {"etcd1", "etcd2", "db1"}, "etcd1"), ("etcd", {"etcd2"}, "etcd2"), ("mysqld", {"db1"}, "db1")],
)
def test_every_cluster_is_locked_on_a_host(seen, role, active, name):
    there = [one.host for one in seen.values()]
    if role == "mysqld":
        there = [replace(host, roles=("mysqld",)) for host in there if "postgres" in host.roles]
    found = look.keeper(there, active)
    assert found and found.name == name
    assert look.keeper(there, {"lb1"}) is None


@pytest.mark.parametrize("found", [{"error": "Killed"}, {}, {"python": False}])
def test_a_host_that_reports_nothing_is_a_finding(seen, found):
    (only,) = look.judged([*seen.values(), Seen(seen["db1"].host, found)])
    assert only.refused and only.check in ("survey", "python3")


@pytest.mark.parametrize(
    ("etcd", "patroni", "tls", "refused"),
    [
        ("3.5.16+dfsg-4", "4.0.7-1", True, False),
        ("3.5.28-1", "4.0.7-1", True, True),
        ("3.5.28-1", "4.1.0-1.pgdg13+1", True, True),
        ("3.5.28-1", "4.1.1-1", True, False),
        ("3.4.42-1", "3.0.2-1", True, True),
        ("3.4.23-4+b4", "3.0.2-1", True, False),
        ("3.6.8-1", "4.0.7-1", True, False),
        ("3.7.0-1", "4.0.7-1", True, True),
        ("3.5.28-1", "4.0.7-1", False, False),
        ("3.5.28-1", "", True, False),
        ("", "4.0.7-1", True, False),
    ],
)
def test_an_etcd_that_locks_out_an_older_patroni(seen, etcd, patroni, tls, refused):
    for name, package, version in (("etcd2", "etcd", etcd), ("db1", "patroni", patroni)):
        seen[name].found["reported"][package] = version
        seen[name].host.data["tls"] = tls
    found = [f"{one.host} {one.check} {one.cause}: {one.remedy}" for one in hosts.check(list(seen.values()))]
    assert len(found) == refused
    if refused:
        assert found[0].startswith("etcd2 versions etcd 3.") and "patroni 4.1.1 or later, or an etcd-server" in found[0]
        assert f"found {patroni.split('-')[0]} on db1" in found[0]


def test_a_watchdog_that_is_required(seen):
    seen["db1"].host.data["watchdog"] = {"mode": "required", "device": "/dev/watchdog"}
    (found,) = hosts.check(list(seen.values()))
    assert (found.host, found.check) == ("db1", "watchdog")

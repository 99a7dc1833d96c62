"""Each alert fires when it should and stays silent when it should not, as Prometheus itself evaluates the rules."""

import json
import re
from typing import NamedTuple

import pytest

from firedrill.deploy.monitoring import rules
from tests.deploy import promtool
from tests.labs import ROOT

LEADER = {"host": "db1", "name": "db1"}
REPLICA = {"host": "db2", "name": "db2"}


class Case(NamedTuple):
    """Series, a sample every `every_s`, and the hosts ("" without one) that the alert names at `at_s`; none: silent."""

    alert: str
    series: dict[str, str]
    hosts: tuple[str, ...]
    at_s: int = 60
    every_s: int = 5


def of(name: str, /, **labels: str) -> str:
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def up(job: str, **hosts: str) -> dict[str, str]:
    """What became of the scrapes of one job by host."""
    return {of("up", job=job, host=host): values for host, values in hosts.items()}


def patroni(metric: str, leader: str, replica: str) -> dict[str, str]:
    return {of(f"patroni_{metric}", **LEADER): leader, of(f"patroni_{metric}", **REPLICA): replica}


ROLES = patroni("primary", "1x100", "0x100") | patroni("replica", "0x100", "1x100")
VIP = {of("firedrill_floating_address_info", address="192.0.2.9"): "1x100"}


def held(one: str, other: str) -> dict[str, str]:
    """The floating address on either proxy, and the proxies' own addresses."""
    name = "node_network_address_info"
    mine = {of(name, host=host, address=f"192.0.2.{last}"): "1x100" for host, last in (("lb1", 31), ("lb2", 32))}
    return (
        VIP | mine | {of(name, host="lb1", address="192.0.2.9"): one, of(name, host="lb2", address="192.0.2.9"): other}
    )


def responses(errors: str, rest: str) -> dict[str, str]:
    name = "haproxy_frontend_http_responses_total"
    found = {of(name, host="lb1", proxy="http", code="5xx"): errors}
    return found | {of(name, host="lb1", proxy="http", code="2xx"): rest}


def probes(seconds: str) -> dict[str, str]:
    return {of("probe_duration_seconds", job="app", host="lb1"): seconds}


def fsync(slow: str) -> dict[str, str]:
    """Of ten writes in 5 s, those that took longer than 0.128 s."""
    name, counts = "etcd_disk_wal_fsync_duration_seconds_bucket", {"0.008": "0+10x100", "0.128": "0+10x100"}
    counts |= {"0.512": "0+10x100", "+Inf": "0+10x100"}
    if slow:
        counts |= {"0.008": slow, "0.128": slow}
    return {of(name, host="etcd1", le=limit): values for limit, values in counts.items()}


def disk(free: str) -> dict[str, str]:
    labels = {"host": "db1", "mountpoint": "/", "fstype": "ext4"}
    return {of("node_filesystem_avail_bytes", **labels): free, of("node_filesystem_size_bytes", **labels): "100x200"}


def memory(available: str, killed: str = "0x100", stalled: str = "0x100") -> dict[str, str]:
    return {
        of("node_memory_MemAvailable_bytes", host="db1"): available,
        of("node_memory_MemTotal_bytes", host="db1"): "100x100",
        of("node_vmstat_oom_kill", host="db1"): killed,
        of("node_pressure_memory_stalled_seconds_total", host="db1"): stalled,
    }


def segments(again: str, sent: str) -> dict[str, str]:
    found = {of("node_netstat_Tcp_RetransSegs", host="db1"): again}
    return found | {of("node_netstat_Tcp_OutSegs", host="db1"): sent}


def wal(replayed: str) -> dict[str, str]:
    return (
        ROLES
        | patroni("xlog_location", "200000000x100", "0x100")
        | patroni("xlog_replayed_location", "0x100", replayed)
    )


def standbys(sync: str, quorum: str, wanted: str = "1x100") -> dict[str, str]:
    found = patroni("sync_standby", "0x100", sync) | patroni("quorum_standby", "0x100", quorum)
    return found | {"firedrill_sync_standbys_wanted": wanted}


def certificate(ends_s: str) -> dict[str, str]:
    found = {of("probe_ssl_earliest_cert_expiry", job="certificate", host="db1", instance="192.0.2.21:8008"): ends_s}
    return found | {"firedrill_certificate_seconds_wanted": "1728000x100"}


def status(code: str, wanted: str = "1x100") -> dict[str, str]:
    return {of("probe_http_status_code", job="failsafe", host="db1"): code, "firedrill_failsafe_wanted": wanted}


def server(state: str) -> dict[str, str]:
    labels = {"proxy": "weather", "server": "app1", "state": "DOWN"}
    return {of("haproxy_server_status", host=host, **labels): state for host in ("lb1", "lb2")}


STREAMS = {"host": "db1", "application_name": "db2", "state": "streaming"}
BACKUP, OWN_BACKUP = "pgbackrest_backup_since_last_completion_seconds", "firedrill_backup_timestamp_seconds"
ETCD = up("etcd", etcd1="1x100", etcd2="1x100")
CASES = (
    Case("NoLeader", patroni("primary", "1x5 0x60", "0x100"), ("",)),
    Case("NoLeader", patroni("primary", "1x5 stale _x60", "0x5 stale _x60"), ("",)),
    Case("NoLeader", ROLES, ()),
    # A switchover: one scrape sees no leader.
    Case("NoLeader", patroni("primary", "1x5 0x60", "0x6 1x60"), ()),
    Case("FailoverHappened", patroni("postgres_timeline", "1x5 stale _x60", "1x9 2x60"), ("",)),
    Case("FailoverHappened", patroni("postgres_timeline", "1x5 stale _x90", "1x9 2x90"), (), 180),
    Case("FailoverHappened", patroni("postgres_timeline", "2x100", "2x100"), ()),
    # A replica that falls behind is no failover.
    Case("FailoverHappened", patroni("postgres_timeline", "2x100", "2x5 1x100"), ()),
    Case("TimelineMismatch", patroni("postgres_timeline", "2x100", "1x100"), ("db2",), 80),
    Case("TimelineMismatch", patroni("postgres_timeline", "2x100", "2x100"), (), 80),
    Case("TimelineMismatch", patroni("postgres_timeline", "2x100", "0x100"), (), 80),
    Case("TimelineMismatch", patroni("postgres_timeline", "1x3 2x100", "1x9 2x100"), (), 80),
    Case("ReplicationLag", wal("180000000x100"), ("db2",)),
    Case("ReplicationLag", wal("199000000x100"), ()),
    Case("SyncStandbyMissing", standbys("0x100", "0x100"), ("",)),
    Case("SyncStandbyMissing", standbys("0x100", "1x100"), ()),
    Case("SyncStandbyMissing", standbys("1x100", "0x100"), ()),
    Case("SyncStandbyMissing", standbys("0x100", "0x100", "0x100"), ()),
    Case("ReplicaNotStreaming", ROLES | patroni("postgres_streaming", "0x100", "0x100"), ("db2",)),
    Case("ReplicaNotStreaming", ROLES | patroni("postgres_streaming", "0x100", "1x100"), ()),
    # Patroni 3.0
    Case("ReplicaNotStreaming", ROLES, ("db2",)),
    Case("ReplicaNotStreaming", ROLES | {of("pg_stat_replication_pg_wal_lsn_diff", **STREAMS): "0x99"}, ()),
    Case("EtcdMemberDown", ETCD | up("etcd", etcd3="1x5 0x60"), ("etcd3",)),
    Case("EtcdMemberDown", ETCD | up("etcd", etcd3="1x100"), ()),
    Case("EtcdQuorumAtRisk", ETCD | up("etcd", etcd3="0x100"), ("",)),
    Case("EtcdQuorumAtRisk", up("etcd", etcd1="0x100", etcd2="0x100", etcd3="0x100"), ("",)),
    Case("EtcdQuorumAtRisk", {of("etcd_server_has_leader", host="etcd1"): "0x100"}, ("",)),
    Case("EtcdQuorumAtRisk", ETCD | up("etcd", etcd3="1x100"), ()),
    Case("EtcdQuorumAtRisk", up("etcd", etcd1="1x99", etcd2="1x99", etcd3="1x99", etcd4="1x99", etcd5="0x99"), ()),
    Case("EtcdQuorumAtRisk", up("etcd", etcd1="1x100"), ()),
    Case("EtcdFsyncSlow", fsync("0+5x100"), ("etcd1",), 120),
    Case("EtcdFsyncSlow", fsync(""), (), 120),
    Case("ProxyDown", up("haproxy", lb1="1x5 0x60", lb2="1x100"), ("lb1",)),
    Case("ProxyDown", up("haproxy", lb1="1x100", lb2="1x100"), ()),
    Case("FloatingAddressMoved", held("1x5 stale _x60", "_x7 1x60"), ("lb2",)),
    Case("FloatingAddressMoved", held("1x5 stale _x60", "_x7 1x60"), (), 200),
    Case("FloatingAddressMoved", held("1x100", "_x100"), ()),
    # The holder restarts and gets it back.
    Case("FloatingAddressMoved", held("1x3 stale _x3 1x90", "_x100"), ()),
    Case("AppInstanceDown", server("0x3 1x60"), ("app1",)),
    Case("AppInstanceDown", server("0x100"), ()),
    Case("UserErrors", responses("0+2x100", "0+98x100"), ("",), 120),
    Case("UserErrors", responses("0+1x100", "0+999x100"), (), 120),
    Case("UserErrors", responses("0x100", "0x100"), (), 120),
    # Over for a minute: the budget of five minutes is used up, but nothing burns.
    Case("UserErrors", responses("0+9x10 90x60", "0+91x100"), (), 180),
    # One of a hundred, for hours
    Case("UserErrors", responses("0+1x500", "0+99x500"), ("",), 14400, 30),
    Case("UserLatency", probes("2x100"), ("",), 120),
    Case("UserLatency", probes("0.1x100"), (), 120),
    Case("UserLatency", probes("0.1x20 2x1 0.1x60"), (), 120),
    Case("HostDown", up("node", db1="1x5 0x60", db2="1x100"), ("db1",)),
    Case("HostDown", up("node", db1="1x100"), ()),
    Case("DiskFilling", disk("5x100"), ("db1",)),
    Case("DiskFilling", disk("45-0.5x80"), ("db1",), 120),
    Case("DiskFilling", disk("60x100"), ()),
    Case("DiskFilling", disk("45x100"), (), 120),
    Case("MemoryPressure", memory("2x100"), ("db1",)),
    Case("MemoryPressure", memory("50x100", killed="0x5 1x60"), ("db1",)),
    Case("MemoryPressure", memory("50x100", stalled="0+2x100"), ("db1",)),
    Case("MemoryPressure", memory("50x100"), ()),
    Case("ClockSkew", {of("node_time_seconds", host="db1"): "2+5x100"}, ("db1",), 90),
    Case("ClockSkew", {of("node_time_seconds", host="db1"): "0.1+5x100"}, (), 90),
    Case("TcpRetransmits", segments("0+10x100", "0+100x100"), ("db1",)),
    Case("TcpRetransmits", segments("0+1x100", "0+100x100"), ()),
    Case("TcpRetransmits", segments("0+5x100", "0+10x100"), ()),
    Case("CertificateExpiring", certificate("86400x100"), ("db1",)),
    Case("CertificateExpiring", certificate("17280000x100"), ()),
    Case("WatchdogInactive", {of("probe_failed_due_to_regex", job="watchdog", host="db1"): "1x100"}, ("db1",)),
    Case("WatchdogInactive", {of("probe_failed_due_to_regex", job="watchdog", host="db1"): "0x100"}, ()),
    Case("FailsafeInactive", status("502x100"), ("db1",)),
    Case("FailsafeInactive", status("200x100"), ()),
    Case("FailsafeInactive", status("0x100"), ()),
    Case("FailsafeInactive", status("502x100", "0x100"), ()),
    Case("BackupTooOld", {of(BACKUP, host="db1"): "100000x100"}, ("db1",), 90),
    Case("BackupTooOld", {of(OWN_BACKUP, host="db1"): "-100000x100"}, ("db1",), 90),
    Case("BackupTooOld", {of(BACKUP, host="db1"): "3600x100"}, (), 90),
    Case("BackupTooOld", {of(OWN_BACKUP, host="db1"): "0x100"}, (), 90),
    Case("ScrapeDown", up("node", db1="1x100") | up("postgres", db1="0x100"), ("db1",)),
    Case("ScrapeDown", up("node", db1="0x100") | up("postgres", db1="0x100"), ()),
    Case("ScrapeDown", up("node", db1="1x100") | up("postgres", db1="1x100"), ()),
    Case("MonitorDown", up("alertmanager", mon1="1x100", mon2="0x100"), ("mon2",)),
    Case("MonitorDown", {of("prometheus_notifications_dropped_total", host="mon1"): "0x3 5x60"}, ("mon1",)),
    Case("MonitorDown", up("alertmanager", mon1="1x100") | up("prometheus", mon1="1x100"), ()),
    Case("DeadMansSwitch", {}, ("",)),
)  # fmt: skip


def as_test(case: Case) -> dict[str, object]:
    labels = ["{}" if not host else f'{{host="{host}"}}' for host in case.hosts]
    return {
        "interval": f"{case.every_s}s",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "promql_expr_test": [
            {
                "expr": f'max by (host) (ALERTS{{alertname="{case.alert}", alertstate="firing"}})',
                "eval_time": f"{case.at_s}s",
                "exp_samples": [{"labels": one, "value": 1} for one in labels],
            }
        ],
    }


@pytest.mark.parametrize("every_s", sorted({case.every_s for case in CASES}))
def test_every_alert_fires_and_stays_silent(every_s, tmp_path):
    """All cases in one run; each failure names the alert."""
    tests = {
        "rule_files": [str(one) for one in rules.files()],
        "evaluation_interval": f"{every_s}s",
        "tests": [as_test(case) for case in CASES if case.every_s == every_s],
    }
    file = tmp_path / "tests.json"
    file.write_text(json.dumps(tests))
    done = promtool.run("test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", [name for name in rules.NAMES if name != rules.DEAD_MANS_SWITCH])
def test_every_alert_has_cases_of_both_kinds(name):
    assert {bool(case.hosts) for case in CASES if case.alert == name} == {True, False}


@pytest.mark.parametrize("file", rules.files(), ids=lambda file: file.stem)
def test_rules_are_what_prometheus_accepts(file):
    done = promtool.run("check", "rules", file)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", rules.files(), ids=lambda file: file.stem)
def test_every_alert_says_how_bad_it_is_and_what_to_do(file):
    anchors = set(re.findall(r"^## (\w+)$", (ROOT / "docs/runbooks.md").read_text(), re.MULTILINE))
    for text in file.read_text().split("- alert: ")[1:]:
        name = text.split()[0]
        assert name in anchors
        assert f"      runbook: docs/runbooks.md#{name.lower()}\n" in text
        assert re.search(r"^      severity: (critical|warning|none)$", text, re.MULTILINE), name
        assert re.search(r"^      summary: .+\n      description: .+", text, re.MULTILINE), name

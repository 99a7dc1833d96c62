"""What a deploy writes for the monitoring, from a plan on fake hosts; and nothing of it without a monitor."""

import json
import re

import pytest

from firedrill.deploy.monitoring import rules
from firedrill.deploy.preflight import settings
from firedrill.inventories.read import Host, defaults
from tests.deploy import promtool
from tests.deploy.test_templates import collect
from tests.labs import ROOT

MONITORS = '\nmonitor = [_host("mon1", 51), _host("mon2", 52)]\nall = (all[0] + monitor, all[1])\n'
RECEIVER = 'for _one in all[0]:\n    _one[1]["monitor_receivers"] = [{"name": "pager", "webhook_configs": []}]\n'
# By role: the jobs of Prometheus that ask a host with it.
JOBS = {"etcd": {"etcd"}, "postgres": {"patroni", "postgres"}, "proxy": {"haproxy"}, "app": {"nginx"}}


def plan(tmp_path_factory, more: str):
    folder = tmp_path_factory.mktemp("plan")
    (folder / "group_data").symlink_to(ROOT / "inventories/group_data")
    file = folder / "made.py"
    file.write_text((ROOT / "inventories/fake.py").read_text() + more)
    return collect(file, "--data", f"secrets_file={folder / 'secrets.json'}")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return plan(tmp_path_factory, MONITORS + RECEIVER)


@pytest.fixture(scope="module")
def unwatched(tmp_path_factory):
    return plan(tmp_path_factory, MONITORS + "for _one in all[0]:\n    _one[1]['monitored'] = False\n")


def text(files, host, path):
    return files[host][path][0]


def asked(files) -> dict[str, set[str]]:
    """{job: hosts} of mon1's Prometheus."""
    jobs = text(files, "mon1", "/etc/prometheus/prometheus.yml").split("- job_name: ")[1:]
    return {job.split()[0]: set(re.findall(r'^      host: "(\w+)"$', job, re.MULTILINE)) for job in jobs}


def test_every_host_and_service_is_asked(files):
    found = asked(files)
    assert found["node"] == set(files) == found["certificate"]
    groups = {"etcd": "etcd", "postgres": "db", "proxy": "lb", "app": "app"}
    for role, jobs in JOBS.items():
        hosts = {host for host in files if re.fullmatch(rf"{groups[role]}\d", host)}
        assert hosts and {job: found[job] for job in jobs} == dict.fromkeys(jobs, hosts)
    assert found["prometheus"] == found["alertmanager"] == {"mon1", "mon2"}


def test_every_request_is_over_tls_and_every_listener_asks_who_it_is(files):
    text_of = text(files, "mon1", "/etc/prometheus/prometheus.yml")
    jobs = text_of.split("- job_name: ")[1:]
    assert all("\n  scheme: https\n" in job and "\n    cert_file: " in job for job in jobs)
    for host, found in files.items():
        listeners = [path for path in found if re.search(r"/web[\w-]*\.yml$", path)]
        assert listeners, host
        for path in listeners:
            asks = ("client_auth_type: RequireAndVerifyClientCert\n", 'basic_auth_users:\n  firedrill: "$2b$')
            assert any(one in found[path][0] for one in asks), f"{host}:{path}"
        for path in [path for path in found if path.startswith("/etc/default/prometheus")]:
            assert found[path][0].count("--web.config.file=") == 1, f"{host}:{path}"
    assert "verify required\n" in text(files, "lb1", "/etc/haproxy/haproxy.cfg").split("frontend metrics")[1]


def test_secrets_are_for_the_monitoring_alone(files):
    mine = files["mon1"]
    for name in ("password", "webhook", "web.yml", "alertmanager.yml", "prometheus.yml"):
        assert mine[f"/etc/prometheus/{name}"][1:] == [0o640, "root", "prometheus"]
    for host, found in files.items():
        for path, (_, mode, user, _) in found.items():
            if path.endswith(("exporter.key", "monitor.key")):
                assert (mode, user) == (0o600, "prometheus"), f"{host}:{path}"
    assert {host for host, found in files.items() if "/etc/prometheus/password" in found} == {"mon1", "mon2"}


def test_prometheus_accepts_its_configuration_and_has_all_rules(files, tmp_path):
    (tmp_path / "prometheus.yml").write_text(text(files, "mon1", "/etc/prometheus/prometheus.yml"))
    done = promtool.run("check", "config", "--syntax-only", tmp_path / "prometheus.yml")
    assert done.returncode == 0, done.stderr
    (tmp_path / "settings.yml").write_text(text(files, "mon1", "/etc/prometheus/rules/settings.yml"))
    assert promtool.run("check", "rules", tmp_path / "settings.yml").returncode == 0
    there = "".join(content[0] for path, content in files["mon1"].items() if path.startswith("/etc/prometheus/rules/"))
    assert set(rules.ALERT.findall(there)) == set(rules.NAMES)


def test_a_metric_of_ours_in_a_rule_is_one_that_the_deploy_records(files):
    made = set(re.findall(r"record: (\w+)", text(files, "mon1", "/etc/prometheus/rules/settings.yml")))
    used = {name for file in rules.files() for name in re.findall(r"\bfiredrill_\w+", file.read_text())}
    assert used - {"firedrill_backup_timestamp_seconds"} == made


def test_alerts_go_to_the_runner_and_to_all_receivers(files):
    found = text(files, "mon1", "/etc/prometheus/alertmanager.yml")
    assert re.findall(r"^  - receiver: (.*)$", found, re.MULTILINE) == ["firedrill", '"pager"']
    assert found.count("    continue: true\n") == 2
    assert '- {"name": "pager", "webhook_configs": []}' in found
    assert "  - url: http://127.0.0.1:9099/firedrill\n    send_resolved: true\n" in found


def test_two_monitors_are_a_cluster(files):
    for me, other in ((51, 52), (52, 51)):
        arguments = text(files, f"mon{me - 50}", "/etc/default/prometheus-alertmanager")
        assert f"--cluster.listen-address=192.0.2.{me}:9094" in arguments
        assert f"--cluster.peer=192.0.2.{other}:9094" in arguments and "--cluster.tls-config=" in arguments


def test_only_the_exporter_of_postgres_gets_a_user(files):
    assert "  - local postgres prometheus peer\n" in text(files, "db1", "/etc/patroni/config.yml")


def test_one_monitor_and_no_floating_address(tmp_path_factory):
    """One Alertmanager listens to nobody; nothing compares or probes an address that there is not."""
    files = plan(tmp_path_factory, '\nmonitor = [_host("mon1", 51)]\nall = (all[0] + monitor, {})\n')
    assert "--cluster.listen-address= " in text(files, "mon1", "/etc/default/prometheus-alertmanager").replace('"', " ")
    assert "floating_address" not in text(files, "mon1", "/etc/prometheus/rules/settings.yml")
    assert asked(files)["app"] == {"lb1", "lb2"}


def test_without_a_monitor_nothing_of_it_is_anywhere(unwatched):
    shown = json.dumps({host: found for host, found in unwatched.items()})
    for word in ("/etc/prometheus", "exporter", "frontend metrics", "nginx_status", "prometheus peer"):
        assert word not in shown.replace("/usr/local/sbin/firedrill-check", ""), word


@pytest.mark.parametrize(
    ("count", "data", "cause"),
    [
        (1, {}, None),
        (2, {}, None),
        (3, {}, "the group monitor has 3 hosts"),
        (1, {"tls": False}, "tls is False"),
        (1, {"tls": False, "monitored": False}, None),
        (1, {"system": "group_replication"}, "no monitoring for the system 'group_replication'"),
    ],
)
def test_what_cannot_be_monitored_is_refused(count, data, cause):
    hosts = [Host(f"m{number}", f"192.0.2.{number}", ("monitor",), defaults() | data) for number in range(1, count + 1)]
    found = [one.cause for one in settings.monitoring(hosts)]
    assert (cause is None and not found) or (len(found) == 1 and cause in found[0])

"""A MySQL group on real hosts: deployed from an inventory, deployed again, observed, and its primary without power."""

import json
from dataclasses import dataclass, replace

import pytest

from firedrill.cluster.systems import system_of
from firedrill.experiments.catalogue import EXPERIMENTS
from firedrill.experiments.drills import leader_power_cut
from firedrill.experiments.steps import Wait
from tests.experiments.cluster.helpers import missed, on, run
from tests.labs import place

# It takes some eight minutes, and the power cut fails as docs/mysql.md says: not part of `make test`.
pytestmark = [pytest.mark.lab("mysql"), pytest.mark.soak]


@pytest.fixture(scope="module")
def deployed(like_lab, lab_up, deploy):
    with lab_up(like_lab(*place("mysql"), source="mysql")) as file:
        deploy(file)
        yield file


def test_a_second_deploy_changes_nothing(deployed, command):
    done = command("pyinfra", "-y", "--json", deployed, "deploy/cluster.py", seconds=600)
    assert done.returncode == 0, done.stderr
    totals = json.loads(done.stdout)["results"]["totals"]
    assert (totals["success"], totals["error"]) == (0, 0), totals


def test_everything_can_be_observed(deployed, command):
    done = command("experiments", "-i", deployed, "doctor", "--json")
    checks = json.loads(done.stdout)["checks"]
    assert [check for check in checks if check["ok"] is not True] == []


def test_a_server_outside_the_group_is_read_only(sound):
    system = system_of(sound.inventory)
    name = system.view(sound).replicas[0]
    said = on(sound, name, "mysql -NBe 'STOP GROUP_REPLICATION; SELECT @@super_read_only; DO SLEEP(0)'")
    assert said == "1"


def test_nothing_speaks_mysql_in_plain_text_but_the_check(sound):
    host = system_of(sound.inventory).view(sound).replicas[0]
    shown = on(sound, host, "mysql -NBe \"SELECT user FROM mysql.user WHERE ssl_type = '' AND host != 'localhost'\"")
    assert set(shown.split()) == {"haproxy_check"}


def test_a_power_cut_of_the_primary(sound, tmp_path):
    verdict, _ = run(sound, leader_power_cut.EXPERIMENT, tmp_path)
    assert verdict["verdict"] in ("pass", "fail"), verdict["why"]
    assert (verdict["lost"], verdict["dual_primary_ms"], verdict["diverged"]) == (0, 0, 0), verdict["why"]
    assert missed(verdict) == [], verdict["why"]
    assert verdict["leader_before"] != verdict["leader_after"]
    assert verdict["timeline_before"] != verdict["timeline_after"]
    assert verdict["predicted"]["rto_ms"] == [5300, 10000]


@pytest.mark.parametrize(
    "name",
    [
        "mysqld_killed",
        "mysqld_frozen",
        "split_brain_leader_isolated",
        "split_brain_clients_follow",
        "group_majority_lost",
        "reference_run",
        "app_killed",
        "proxy_killed",
        "switchover",
        "rolling_reboot",
        "long_absence_binlog",
        "long_absence_clone",
    ],
)
def test_a_drill(sound, tmp_path, name):
    verdict, _ = run(sound, EXPERIMENTS[name], tmp_path)
    assert verdict["verdict"] in ("pass", "fail"), verdict["why"]
    assert missed(verdict) == [], verdict["why"]


def test_users_reach_the_app_through_the_proxies(sound, tmp_path):
    """The users of a drill are those of the app: their rows are counted on the primary."""
    verdict, events = run(sound, EXPERIMENTS["switchover"], tmp_path)
    (users,) = [event["load"]["file"] for event in events if event["kind"] == "run"]
    assert users == "loadtests/weather.py"
    assert any(event["kind"] == "present_end" and event["table"] == "forecast" and event["count"] for event in events)
    assert verdict["lost"] == 0, verdict["why"]


def test_an_expel_timeout_of_mysqls_default_is_too_slow_and_the_model_says_why(sound, tmp_path):
    """A negative control: the expectation of the write outage fails, and the prediction is longer, too."""
    slow = replace(leader_power_cut.EXPERIMENT, settings={"member_expel_timeout": 5})
    verdict, _ = run(sound, slow, tmp_path)
    assert verdict["expectations"][0]["verdict"] == "fail", verdict["why"]
    assert verdict["predicted"]["rto_ms"][1] > 20000 > verdict["expectations"][0]["wanted"]


@dataclass(frozen=True)
class Shell:
    """A step: what somebody does by hand on a host."""

    host: str
    text: str

    def carry_out(self, run):
        on(run.access, self.host, self.text)


ALONE = "STOP GROUP_REPLICATION; SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF"


def test_a_secondary_that_is_made_writable_by_hand_fails(ways, tmp_path):
    """A negative control: two servers acknowledge writes. The last test: that server cannot rejoin with its data."""
    name = system_of(ways.inventory).view(ways).replicas[0]
    steps = (
        Wait(4),
        Shell(name, f"systemctl stop firedrill-group; mysql -e '{ALONE}'"),
        Wait(10),
        Shell(name, "mysql -e 'SET GLOBAL super_read_only = ON'"),
        Wait(2),
    )
    verdict, _ = run(ways, replace(EXPERIMENTS["switchover"], steps=steps), tmp_path)
    assert verdict["verdict"] == "fail", verdict["why"]
    assert verdict["dual_primary_ms"] > 1000, verdict["why"]

"""What a run expects of the monitoring: the lists of all experiments, the `run` event, and how long it waits."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from firedrill.deploy.monitoring.rules import NAMES
from firedrill.experiments import lookup
from firedrill.experiments.catalogue import EXPERIMENTS
from firedrill.experiments.model import HIT, ExpectAlert
from firedrill.experiments.observe import alert_waits, catalogue
from firedrill.experiments.run import alerting, needs
from firedrill.experiments.steps import Heal, Inject, Wait
from firedrill.faults import Kill
from firedrill.inventories.access import Access
from firedrill.inventories.endpoint import Endpoint
from firedrill.inventories.errors import Problem
from firedrill.inventories.monitoring import Monitoring
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.labs import ROOT

SECOND = 1_000_000_000
AT = {"mon1": Endpoint("https://192.0.2.8:9090")}
# Of other people's systems and of the fence: what their faults raise depends on rules that do not exist yet.
WITHOUT = ("reference_run",)


@pytest.fixture(scope="module")
def lab() -> Access:
    return Access(read(ROOT / "inventories/lab.py"), Secrets())


@pytest.mark.parametrize("it", EXPERIMENTS.values(), ids=EXPERIMENTS)
def test_every_alert_that_an_experiment_expects_is_a_rule(it):
    assert {alert.name for alert in it.alerts} <= set(NAMES)
    lookup._checked(it, "the catalogue")
    wanted = [(alert.name, alert.fault) for alert in it.alerts if not alert.optional]
    assert len(wanted) == len(set(wanted))


def test_every_experiment_on_the_lab_says_which_alerts_it_expects(lab):
    mine = [it for it in EXPERIMENTS.values() if not needs.of_system(it, lab) and not it.needs.fence]
    assert {it.name for it in mine if not it.alerts} <= set(WITHOUT)


def test_an_alert_of_a_fault_that_there_is_not_is_refused():
    it = replace(EXPERIMENTS["switchover"], alerts=(ExpectAlert("NoLeader", fault=2),))
    with pytest.raises(Problem, match="NoLeader is about fault 2 of 1"):
        lookup._checked(it, "mine.py")


class There:
    """A cluster whose monitoring has these receivers and names; `unobserved` if it does not count."""

    def __init__(self, lab, monitoring, unobserved=()) -> None:
        self.monitoring = monitoring
        self.inventory = lab.inventory
        self.data = lab.data | {"unobserved": unobserved}


def context(lab, monitoring, tmp_path=None, **more):
    there = There(lab, monitoring, **more)
    return SimpleNamespace(access=there, profile={"ttl": 20}, parts=tmp_path, injected={})


IT = replace(
    EXPERIMENTS["app_killed"],
    steps=(Wait(1), Inject(Kill("app"), "group:app:1"), Heal(), Inject(Kill("haproxy"), "group:proxy:1"), Heal()),
    alerts=(
        ExpectAlert("AppInstanceDown", within_s=30, host=HIT),
        ExpectAlert("ProxyDown", within_s=20, fault=2, optional=True),
        ExpectAlert("HostDown", within_s=20, fault=2, hold=False),
    ),
)


def test_without_a_monitoring_nothing_is_expected(lab, monkeypatch):
    assert alerting.event(IT, context(lab, None)) == {}
    assert alerting.event(EXPERIMENTS["quiet_hour"], context(lab, None)) == {"quiet": True}


def test_the_run_event_names_the_steps(lab):
    found = alerting.event(IT, context(lab, Monitoring(AT, {}, lab.inventory.hosts[:1], "x")))
    assert found["delivery"] == "received"
    assert [(one["name"], one["step"], one["within_ms"], one["host"], one["optional"]) for one in found["alerts"]] == [
        ("AppInstanceDown", 2, 30_000, "hit", False),
        ("ProxyDown", 4, 20_000, None, True),
        ("HostDown", 4, 20_000, None, False),
    ]


def test_a_monitoring_of_others_has_its_own_names(lab):
    known = Monitoring(AT, {}, names={"AppInstanceDown": "AppGone", "HostDown": None})
    found = alerting.event(IT, context(lab, known))
    assert (found["delivery"], [one["name"] for one in found["alerts"]]) == ("listed", ["AppGone", "ProxyDown"])


def test_a_monitoring_that_does_not_count_expects_nothing(lab):
    assert catalogue.ALERTS.may_be_left_out
    assert alerting.event(IT, context(lab, Monitoring(AT, {}), unobserved=("alerts",))) == {}


# -- waiting ---------------------------------------------------------------------------------------------


def line(t: float, kind: str, name: str, host: str = "mon1", **more) -> dict:
    return {"t": round(t * SECOND), "kind": kind, "host": host, "alert": name, "labels": {"alertname": name}} | more


def test_a_delivery_after_the_injection_counts(tmp_path):
    file = tmp_path / "alerts.jsonl"
    events = [line(1, "notification", "A", status="firing"), line(3, "alert", "A", part="notifier", state="active")]
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    wanted = {(0, True): True, (2, True): False, (2, False): True, (4, False): False}
    for (since, received), there in wanted.items():
        assert alert_waits.delivered(tmp_path, "A", since * SECOND, received=received) is there
    assert not alert_waits.delivered(tmp_path, "B", 0, received=True)


def test_calm_is_when_all_that_began_has_ended_and_was_reported_as_resolved():
    always = [
        line(0, "alert", "Always", part="rules", state="firing"),
        line(20, "notification", "Always", status="firing"),
    ]
    began = [line(11, "alert", "A", part="rules", state="pending"), line(12, "notification", "A", status="firing")]
    over = [line(30, "alert", "A", part="rules", state="ended"), line(31, "notification", "A", status="resolved")]
    assert alert_waits.active([*always, *began], 10 * SECOND) == {"A"}
    assert alert_waits.active([*always, *began, over[0]], 10 * SECOND) == {"A"}
    assert alert_waits.active([*always, *began, *over], 10 * SECOND) == set()


def test_healing_waits_for_what_must_be_delivered_while_the_fault_lasts(lab, tmp_path, monkeypatch):
    there = context(lab, Monitoring(AT, {}, lab.inventory.hosts[:1], "x"), tmp_path)
    there.injected.update({2: alerting.clock.now(), 4: alerting.clock.now()})
    asked = []
    monkeypatch.setattr(alert_waits, "delivered", lambda parts, name, since, received: asked.append(name) or True)
    alerting.hold(IT, there)
    assert asked == ["AppInstanceDown"]
    asked.clear()
    alerting.await_expected(IT, there)
    assert asked == ["AppInstanceDown", "HostDown"]


def test_nobody_waits_for_an_alert_that_is_late(lab, tmp_path):
    there = context(lab, Monitoring(AT, {}, lab.inventory.hosts[:1], "x"), tmp_path)
    there.injected[2] = alerting.clock.now() - 60 * SECOND
    alerting.await_expected(IT, there)

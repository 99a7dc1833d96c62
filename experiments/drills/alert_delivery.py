"""One fault after the other, each with the alert that must tell somebody."""

from firedrill.experiments.drills.common import OF_A_LEADER, may
from firedrill.experiments.model import HIT, Bound, Expect, ExpectAlert, Experiment, Needs, Step
from firedrill.experiments.steps import Heal, Inject, UntilAlert, UntilCalm, UntilSteady, Wait
from firedrill.faults.power.pause import Pause
from firedrill.faults.power.power_cut import PowerCut
from firedrill.faults.process.freeze import Freeze
from firedrill.faults.process.stop_service import StopService

_LIMIT_S = 150
_TTL = Bound(35, ttl=1)
# The injection, and the alert that it must raise.
CASES = (
    (Inject(StopService("app"), "group:app:1", limit_s=_LIMIT_S), ExpectAlert("AppInstanceDown", 30, HIT)),
    (Inject(StopService("haproxy"), "group:proxy:1", limit_s=_LIMIT_S), ExpectAlert("ProxyDown", 30, HIT)),
    (Inject(StopService("etcd"), "group:etcd:1", limit_s=_LIMIT_S), ExpectAlert("EtcdMemberDown", 30, HIT)),
    (Inject(Freeze("etcd"), "etcd_leader", limit_s=_LIMIT_S), ExpectAlert("EtcdMemberDown", 35, HIT)),
    (Inject(StopService("patroni"), "replica", limit_s=_LIMIT_S), ExpectAlert("ScrapeDown", 45, HIT)),
    (Inject(PowerCut(), "replica", limit_s=_LIMIT_S), ExpectAlert("HostDown", 30, HIT)),
    (Inject(Pause(), "replica", limit_s=_LIMIT_S), ExpectAlert("HostDown", 30, HIT)),
    (Inject(PowerCut(), "leader", limit_s=_LIMIT_S), ExpectAlert("FailoverHappened", _TTL)),
)


def _steps() -> tuple[Step, ...]:
    """Each case on a healthy cluster without an active alert."""
    steps: list[Step] = [Wait(8)]
    for injection, alert in CASES:
        steps += [UntilCalm(within_s=90), injection, UntilAlert(alert.name, 60), Heal(), UntilSteady(within_s=90)]
    return (*steps, Wait(2))


def _alerts() -> tuple[ExpectAlert, ...]:
    """The alert of each case, counted by its injection, and what may come with it."""
    wanted = (
        ExpectAlert(alert.name, alert.within_s, alert.host, fault=number, hold=False)
        for number, (_, alert) in enumerate(CASES, 1)
    )
    return (*wanted, *OF_A_LEADER, *may("HostDown", "FloatingAddressMoved", "AppInstanceDown", "ProxyDown"))


EXPERIMENT = Experiment(
    name="alert_delivery",
    title="One fault after the other, and the alert of each",
    question="Does each failure raise the right alert, and how soon is it delivered?",
    hypothesis=(
        "Each fault raises its own alert, which names the host and is delivered within two collections of metrics, "
        "two evaluations and the 5 to 15 s that its condition must hold."
    ),
    steps=_steps(),
    expectations=(
        Expect("no acknowledged write is lost", "lost", "==", 0),
        Expect("never two primaries", "dual_primary_ms", "==", 0),
        Expect("the cluster is healthy again", "steady_after", "is", True),
    ),
    alerts=_alerts(),
    cost_s=480,
    needs=Needs(databases=2, coordinators=3, proxies=1, apps=1, monitors=1, power=("power_on", "pause", "resume")),
)

"""The write outage to expect of the cluster that a plan describes, and what it adds up to."""

from collections.abc import Mapping

from firedrill.cluster.system import Injection, Prediction
from firedrill.deploy import systems, topology
from firedrill.inventories import profiles

CUT = "power_cut"


def lines() -> list[str]:
    """A line for the leader's power cut, and one for etcd's leader on the same host; none if there is no model."""
    hosts = topology.hosts()
    system = systems.of(hosts[0].data)
    databases = topology.members(system.role)
    if system.predict is None or not databases:
        return []
    shared = [one.name for one in databases if "etcd" in one.roles]
    data = hosts[0].data
    timings = profiles.settings(data) | profiles.fence(data) | {"election": data["etcd_election_ms"] / 1000}
    timings |= system.timings(hosts[0].data)
    leader = (shared or [databases[0].name])[0]
    cases = {"a power cut of the leader": "elsewhere"} | (
        {"the same, if the leader of etcd is on its host": leader} if shared else {}
    )
    cut = [Injection(0, CUT, leader)]
    found = {text: system.predict(timings, cut, (), leader, coordinator) for text, coordinator in cases.items()}
    return [line(text, prediction) for text, prediction in found.items() if prediction]


def line(text: str, prediction: Prediction) -> str:
    return (
        f"predicted write outage, {text}: {_span(prediction.low_ms, prediction.high_ms)} s = {_sum(prediction.terms)}"
    )


def _sum(terms: Mapping[str, tuple[float, float]]) -> str:
    return " + ".join(f"{name} {_span(*term)}" for name, term in terms.items())


def _span(low_ms: float, high_ms: float) -> str:
    low, high = f"{low_ms / 1000:g}", f"{high_ms / 1000:g}"
    return low if low == high else f"{low} to {high}"

"""What the timing model of the database system expects of the faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from firedrill.cluster.system import Injection
from firedrill.cluster.systems import SYSTEMS
from firedrill.experiments.judge.basis import Basis
from firedrill.experiments.judge.schema import Prediction
from firedrill.experiments.judge.spans import SECOND

Range = tuple[float, float]


@dataclass(frozen=True)
class Terms:
    """The terms that add up to a prediction: low and high in ms, by name; and the phase that each is part of."""

    terms: Mapping[str, Range] = field(default_factory=dict)
    phases: Mapping[str, str] = field(default_factory=dict)

    def of(self, phase: str) -> Mapping[str, Range]:
        return {name: span for name, span in self.terms.items() if self.phases.get(name) == phase}

    def sum_of(self, phase: str) -> Range | None:
        """What the model expects of a phase; None where it says nothing about it."""
        spans = self.of(phase).values()
        return (sum(low for low, _ in spans), sum(high for _, high in spans)) if spans else None


def prediction(basis: Basis) -> tuple[Prediction | None, Terms]:
    """The least and the greatest outage of writes, and the terms that add up to them.

    None where the system has no model for these faults, or is not known to this installation.
    """
    system = SYSTEMS.get(basis.run.system)
    leader = basis.before.leader if basis.before else None
    faults = [Injection(t=fault.injected, fault=fault.fault, host=fault.host) for fault in basis.faults]
    coordinator = basis.before.coordinator_leader if basis.before else None
    found = system.predict(basis.run.profile, faults, basis.run.coordinators, leader, coordinator) if system else None
    if found is None:
        return None, Terms()
    return Prediction(rto_ms=(found.low_ms, found.high_ms)), Terms(found.terms, found.phases)


def coordinator_lost(basis: Basis) -> bool | None:
    """Whether the first faults hit the coordinator's leader; None where that is not known."""
    if basis.fault_at is None:
        return False
    hit = {fault.host for fault in basis.faults if fault.injected - basis.fault_at < SECOND}
    leader = basis.before.coordinator_leader if basis.before else None
    if leader:
        return leader in hit
    return None if hit & set(basis.run.coordinators) else False

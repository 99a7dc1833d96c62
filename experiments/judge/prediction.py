"""What the timing model of the database system expects of the faults."""

from collections.abc import Mapping

from firedrill.cluster.system import Injection
from firedrill.cluster.systems import SYSTEMS
from firedrill.experiments.judge.basis import Basis
from firedrill.experiments.judge.schema import Prediction


def prediction(basis: Basis) -> tuple[Prediction | None, Mapping[str, tuple[float, float]]]:
    """The least and the greatest outage of writes, and the terms that add up to them.

    None where the system has no model for these faults, or is not known to this installation.
    """
    system = SYSTEMS.get(basis.run.system)
    leader = basis.before.leader if basis.before else None
    faults = [Injection(t=fault.injected, fault=fault.fault, host=fault.host) for fault in basis.faults]
    found = system.predict(basis.run.profile, faults, basis.run.coordinators, leader) if system else None
    if found is None:
        return None, {}
    return Prediction(rto_ms=(found.low_ms, found.high_ms)), found.terms

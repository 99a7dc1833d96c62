"""What the system's own timing model expects of the faults."""

from collections.abc import Mapping

from firedrill.experiments.judge.basis import Basis
from firedrill.experiments.judge.schema import Prediction
from firedrill.experiments.judge.spans import SECOND


def prediction(basis: Basis) -> tuple[Prediction | None, Mapping[str, tuple[float, float]]]:
    """The write gap the timing model expects of a leader's power cut, [low, high] in ms; null for all else.

    What is left of the leader's lease (`ttl` less its age, 0 to `loop_wait`), up to 0.5 s until it is swept away, 2 s
    in which the replicas ask the dead leader, 0.1 to 0.4 s of promotion, up to `downinter` + (`rise` - 1) x `fastinter`
    until the proxy has seen it. If the dead host led the coordination service too, that gives every lease its full ttl
    again: detection takes about `ttl` + 2.4 s, so that is the high end where one of its hosts is cut off as well.
    """
    leader_before = basis.before.leader if basis.before else None
    cuts = [fault for fault in basis.faults if fault.fault == "power_cut" and fault.host == leader_before]
    profile = basis.run.profile
    names = ("ttl", "loop_wait", "downinter", "fastinter", "rise")
    if not cuts or cuts[0].injected - basis.faults[0].injected >= SECOND:
        return None, {}
    if any(not isinstance(profile.get(name), int | float) for name in names):
        return None, {}
    ttl, loop_wait, downinter, fastinter, rise = (profile[name] for name in names)
    together = {fault.host for fault in basis.faults if fault.injected - cuts[0].injected < SECOND}
    sweep = 2.4 if together & set(basis.run.coordinators) else 0.5
    low = ttl - loop_wait + 2 + 0.1
    high = ttl + sweep + 2 + 0.4 + downinter + (rise - 1) * fastinter
    return Prediction(rto_ms=(round(low * 1000, 1), round(high * 1000, 1))), {}

"""The timing model: how long writes are out after a leader's power cut.

From Patroni's and etcd's sources, and measured on three nodes: what is left of the leader's lease (`ttl` less its age,
0 to `loop_wait`), up to 0.5 s until etcd expires it, 2 s in which the replicas probe the dead leader's REST API, 0.1 to
0.4 s of promotion, up to `downinter` + (`rise` - 1) x `fastinter` until HAProxy has noticed.

If the dead host also led etcd, the others elect a leader within one to two election timeouts, and that leader renews
every lease to its full ttl plus one election timeout. Where it was not recorded who led etcd, and one of its hosts is
lost at the same moment, both are possible.

On a cluster with a fence none of this counts but the promotion and the proxies: see fenced_timing.py.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from firedrill.cluster.patroni import fenced_timing
from firedrill.cluster.system import Injection, Prediction

TIMINGS = ("ttl", "loop_wait", "downinter", "fastinter", "rise")
SAME_MOMENT_NS = 1_000_000_000
EXPIRY_S = 0.5
ELECTION_S = 1.0  # etcd's own election timeout, of recordings that do not tell
REST_PROBE_S = 2
PROMOTION_S = (0.1, 0.4)
PHASES = fenced_timing.PHASES | {
    "lease": "detect",
    "coordinator election": "detect",
    "lease expiry": "detect",
    "probe of the old leader": "promote",
    "promotion": "promote",
    "rerouting clients": "route",
}
Terms = dict[str, tuple[float, float]]


def predict(
    profile: Mapping[str, Any],
    faults: Sequence[Injection],
    coordinators: Collection[str],
    leader_before: str | None,
    coordinator_leader: str | None,
) -> Prediction | None:
    """The write outage to expect of the leader's power cut; None for all other faults."""
    cut = next((fault for fault in faults if fault.fault == "power_cut" and fault.host == leader_before), None)
    if cut is None or cut.t - faults[0].t >= SAME_MOMENT_NS:
        return None
    if any(not isinstance(profile.get(name), int | float) for name in TIMINGS):
        return None
    together = {fault.host for fault in faults if fault.t - cut.t < SAME_MOMENT_NS}
    if coordinator_leader:
        return _add_up(_terms(profile, coordinator_leader in together))
    return _add_up(_terms(profile, None if together & set(coordinators) else False))


def _terms(profile: Mapping[str, Any], coordinator_lost: bool | None) -> Terms:
    """Seconds, lowest and highest, of each part of the outage. `coordinator_lost` is None where that is not known."""
    downinter, fastinter, rise = (profile[name] for name in ("downinter", "fastinter", "rise"))
    rerouting = (0, downinter + (rise - 1) * fastinter)
    election = profile.get("election")
    election = election if isinstance(election, int | float) else ELECTION_S
    if fenced_timing.applies(profile):
        found = fenced_timing.terms(profile, coordinator_lost, election) | {"promotion": PROMOTION_S}
        return found | {"first acknowledgement": fenced_timing.SYNC_STANDBY_S, "rerouting clients": rerouting}
    found = _until_expired(profile, coordinator_lost, election)
    return found | {
        "probe of the old leader": (REST_PROBE_S, REST_PROBE_S),
        "promotion": PROMOTION_S,
        "rerouting clients": rerouting,
    }


def _until_expired(profile: Mapping[str, Any], coordinator_lost: bool | None, election: float) -> Terms:
    """From the cut until the leader key is gone because its lease has expired."""
    ttl, loop_wait = profile["ttl"], profile["loop_wait"]
    found: Terms = {"lease": (ttl if coordinator_lost else ttl - loop_wait, ttl)}
    if coordinator_lost is not False:
        found["coordinator election"] = (2 * election if coordinator_lost else 0, 3 * election)
    return found | {"lease expiry": (0, EXPIRY_S)}


def _add_up(terms: Terms) -> Prediction:
    low, high = (round(1000 * sum(term[end] for term in terms.values()), 1) for end in (0, 1))
    in_ms = {name: (round(low_s * 1000, 1), round(high_s * 1000, 1)) for name, (low_s, high_s) in terms.items()}
    return Prediction(low, high, in_ms, {name: PHASES[name] for name in terms})

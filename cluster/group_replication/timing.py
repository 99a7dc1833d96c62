"""The timing model: how long writes are out after the primary dies or is cut off.

Measured on three nodes of MySQL 9.7: a silent member is suspected after 5 s. With `member_expel_timeout` 0 it is
expelled immediately; else after that time, which is checked every 15 s. The others then agree on a new view and elect a
primary, which first applies what it has received. HAProxy notices after up to `downinter` + (`rise` - 1) x `fastinter`.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from firedrill.cluster.group_replication.settings import SUSPECTED_S
from firedrill.cluster.system import Injection, Prediction

TIMINGS = ("member_expel_timeout", "downinter", "fastinter", "rise")
SILENT = ("power_cut", "pause", "partition", "kill", "freeze")
SAME_MOMENT_NS = 1_000_000_000
CHECKED_S = 1.5  # how often the failure detector looks, and spreads what it found
EXPEL_CHECK_S = 15
ELECTION_S = (0.3, 3.0)
PHASES = {"suspicion": "detect", "expulsion": "detect", "new view and primary": "promote", "rerouting clients": "route"}


def predict(
    profile: Mapping[str, Any],
    faults: Sequence[Injection],
    coordinators: Collection[str],
    leader_before: str | None,
    coordinator_leader: str | None,
) -> Prediction | None:
    """The write outage to expect where the first fault silences the primary; None for all other faults.

    A group has no coordinator.
    """
    hit = next((fault for fault in faults if fault.fault in SILENT and fault.host == leader_before), None)
    if hit is None or hit.t - faults[0].t >= SAME_MOMENT_NS:
        return None
    if any(not isinstance(profile.get(name), int | float) for name in TIMINGS):
        return None
    expel, downinter, fastinter, rise = (profile[name] for name in TIMINGS)
    terms = {
        "suspicion": (SUSPECTED_S, SUSPECTED_S + CHECKED_S),
        "expulsion": (expel, expel + EXPEL_CHECK_S) if expel else (0, 0),
        "new view and primary": ELECTION_S,
        "rerouting clients": (0, downinter + (rise - 1) * fastinter),
    }
    low, high = (round(1000 * sum(term[end] for term in terms.values()), 1) for end in (0, 1))
    return Prediction(low, high, {name: (1000 * least, 1000 * most) for name, (least, most) in terms.items()}, PHASES)

"""The timing model with the fence: what a power cut of the leader costs if a majority of judges decides, not the lease.

The judges count `fence_misses` probes without an answer, one every `fence_interval`; the first of them is due up to one
interval after the cut, and the last one has its own deadline. Then they vote and take the lock, where configured the
power is cut and confirmed, standbys and proxies refuse the old leader, and one transaction deletes its key. From there
on Patroni elects as ever, only that the probe of the dead leader is refused instead of waiting for 2 s.
"""

from collections.abc import Mapping
from typing import Any

OFF, POWER = "off", "power"
TIMINGS = ("fence_misses", "fence_interval")
VOTES_S = (0.0, 0.5)  # from the last miss to the lock: votes are read every few hundredths of a second
POWER_S = (0.1, 1.0)  # status, off, status of a device that answers promptly; a slower one adds its own time
REFUSAL_S = (0.0, 0.5)  # a rule on each standby and proxy, acknowledged, and the transaction
ELECTION_S = (0.0, 0.5)  # a standby wakes on the deleted key, is refused by the old leader, compares positions
SYNC_STANDBY_S = (0.0, 1.0)  # until another standby follows the new leader, or is no longer counted
PHASES = {
    "silence": "detect",
    "coordinator election": "detect",
    "votes": "detect",
    "power off": "detect",
    "refusal": "detect",
    "election": "promote",
    "promotion": "promote",
    "first acknowledgement": "route",
    "rerouting clients": "route",
}
Terms = dict[str, tuple[float, float]]


def applies(profile: Mapping[str, Any]) -> bool:
    """Whether a fence decides: it is on, its timings are known, and commits wait for a standby."""
    if profile.get("fence", OFF) == OFF or profile.get("synchronous_mode", "off") in ("off", False):
        return False
    return all(isinstance(profile.get(name), int | float) for name in TIMINGS)


def terms(profile: Mapping[str, Any], coordinator_lost: bool | None, election_s: float) -> Terms:
    """Seconds, lowest and highest, of each part from the cut until a new leader may be promoted.

    While the coordinator elects, the judges count on: only what its election takes longer than the silence adds to it.
    """
    misses, interval = (profile[name] for name in TIMINGS)
    silence = ((misses - 1) * interval, (misses + 1) * interval)
    found: Terms = {"silence": silence}
    if coordinator_lost is not False:
        shortest = max(0.0, election_s - silence[1]) if coordinator_lost else 0.0
        found["coordinator election"] = (shortest, max(0.0, 3 * election_s - silence[0]))
    found["votes"] = VOTES_S
    if profile["fence"] == POWER:
        found["power off"] = POWER_S
    return found | {"refusal": REFUSAL_S, "election": ELECTION_S}

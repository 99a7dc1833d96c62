"""What of a cluster can be observed, and which experiments that limits: every access is tried, live, for a moment.

The promise: nothing is left behind (a schema that was made here is dropped), nothing is broken, and each answer is
current. A check is `ok` false if something in the inventory does not hold, null if the inventory has none of it.
"""

from firedrill.experiments.run.doctor.examine import examine

__all__ = ["examine"]

"""Fields that several kinds of event have."""

from firedrill.experiments.judge.fields import BOOLEAN, ID, MOMENT, TEXT, TEXTS, Field, one_of

OUTCOME = Field(one_of("failed", "unknown", "acked"), "The outcome.", True)
START = Field(MOMENT, "When it began.", True)
EPOCH = Field(ID, "The epoch of leadership, such as a timeline.")
HOST = Field(TEXT, "The host.", True)
REACHABLE = Field(BOOLEAN, "Whether the host answered.", True)
ERROR = Field(TEXT, "The error.")
NAME = Field(TEXT, "Name.", True)
UNWATCHED = Field(TEXTS, "Databases that are members of the cluster and not in the inventory: they are not watched.")
CANNOT_LEAD = Field(TEXTS, "Databases that never lead, by their own settings.")
MODES = Field(TEXTS, "The cluster's own modes in which it does not fail over, such as `paused`.")

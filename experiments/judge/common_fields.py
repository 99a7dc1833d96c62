"""Fields that several kinds of event have."""

from firedrill.experiments.judge.fields import BOOLEAN, ID, MOMENT, TEXT, Field, one_of

OUTCOME = Field(one_of("failed", "unknown", "acked"), "The outcome.", True)
START = Field(MOMENT, "When it began.", True)
EPOCH = Field(ID, "The epoch of leadership, such as a timeline.")
HOST = Field(TEXT, "The host.", True)
REACHABLE = Field(BOOLEAN, "Whether the host answered.", True)
ERROR = Field(TEXT, "The error.")
NAME = Field(TEXT, "Name.", True)

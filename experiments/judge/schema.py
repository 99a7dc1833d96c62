"""The content of verdict.json, typed: `Verdict` is its schema.

A figure that was not observed is None. Names that end in `_ms` are milliseconds; `fault_at`, `from` and `to` are
nanoseconds since the epoch. A field's text is its documentation: the tables of docs/verdict.md and the descriptions
in verdict.schema.json are generated from it. A trailing underscore is not part of a key (`from_` is `from`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from firedrill.experiments.judge import shape

FORMAT = 1
Judged = Literal["pass", "fail", "unknown"]


def _of(text: str, default: Any = None) -> Any:
    """A field that is None if it was not observed, with its documentation."""
    return field(default=default, metadata={"text": text})


def _list(text: str) -> Any:
    return field(default=(), metadata={"text": text})


@dataclass(frozen=True, kw_only=True)
class Felt:
    """What users experienced in a period. All None if it was not observed."""

    write_rate: float | None = _of("Successful writes per second.")
    write_p50_ms: float | None = _of("Median latency of successful writes, from when they were due.")
    write_p95_ms: float | None = _of("95th percentile of that latency.")
    write_worst_ms: float | None = _of("The longest write, successful or not.")
    write_errors: int | None = _of("Writes that did not succeed.")
    read_rate: float | None = _of("Successful reads per second.")
    read_p50_ms: float | None = _of("Median latency of successful reads, from when they were due.")
    read_p95_ms: float | None = _of("95th percentile of that latency.")
    read_worst_ms: float | None = _of("The longest read, successful or not.")
    read_errors: int | None = _of("Reads that did not succeed.")


@dataclass(frozen=True, kw_only=True)
class _Ratios:
    write_ratio: float | None = _of("`write_rate` divided by that before the first fault.")
    read_ratio: float | None = _of("`read_rate` divided by that before the first fault.")


@dataclass(frozen=True, kw_only=True)
class During(Felt, _Ratios):
    """What users experienced while at least one fault was active."""


@dataclass(frozen=True, kw_only=True)
class _Named:
    name: str = field(metadata={"text": "The level's name."})
    from_: int = field(metadata={"text": "When it began."})
    to: int = field(metadata={"text": "When it ended."})


@dataclass(frozen=True, kw_only=True)
class Level(Felt, _Named):
    """A point of a curve: what users experienced at one level of an experiment."""


@dataclass(frozen=True, kw_only=True)
class Phases:
    """The phases between the first fault and the recovery."""

    detect_ms: float | None = _of("From the fault until the old leader's leadership ended.")
    promote_ms: float | None = _of("From there until the new leader accepted its first write, bypassing the proxy.")
    route_ms: float | None = _of("From there until it accepted the first client write through the proxy.")
    recover95_ms: float | None = _of("From the fault until users were back at 95 % of their rate before it.")


@dataclass(frozen=True, kw_only=True)
class DualPrimary:
    """A period in which two nodes provably accepted writes."""

    nodes: tuple[str, ...] = field(metadata={"text": "The two nodes."})
    from_: int = field(metadata={"text": "When it began."})
    to: int = field(metadata={"text": "When it ended."})
    ms: float = field(metadata={"text": "How long it lasted."})


@dataclass(frozen=True, kw_only=True)
class DualHolder:
    """A period in which two proxies provably held the floating address."""

    proxies: tuple[str, ...] = field(metadata={"text": "The two proxies."})
    from_: int = field(metadata={"text": "When it began."})
    to: int = field(metadata={"text": "When it ended."})
    ms: float = field(metadata={"text": "How long it lasted."})


@dataclass(frozen=True, kw_only=True)
class Fork:
    """Writes that a node acknowledged on an old timeline after another had acknowledged some on a newer one."""

    node: str = field(metadata={"text": "The node on the old timeline."})
    timeline: int | str = field(metadata={"text": "The old timeline."})
    newer: int | str = field(metadata={"text": "The newer timeline."})
    from_: int = field(metadata={"text": "When the first of these writes began."})
    to: int = field(metadata={"text": "When the last of them was acknowledged."})
    writes: int = field(metadata={"text": "The number of these writes."})


@dataclass(frozen=True, kw_only=True)
class TcpRates:
    """One of the kernel's counters on one host."""

    before: float | None = _of("Per second, in the 10 s before the first fault.")
    during: float | None = _of("Per second, from the first fault until healing began.")
    worst: int | None = _of("The highest count in one sample during the fault.")


@dataclass(frozen=True, kw_only=True)
class TcpHost:
    """TCP on one host."""

    retransmits: TcpRates = field(metadata={"text": "Retransmitted segments."})
    checksum_errors: TcpRates = field(metadata={"text": "Segments dropped for a wrong checksum."})


@dataclass(frozen=True, kw_only=True)
class Tcp:
    """TCP on all hosts, from the kernels' counters."""

    retransmits_during: int | None = _of("Retransmitted segments from the first fault until healing began.")
    checksum_errors_during: int | None = _of("Segments dropped for a wrong checksum in the same period.")
    rebooted: tuple[str, ...] | None = _of("Hosts that rebooted.")
    unfenced: int | None = _of("1 if the old leader's host was not reset before another node took over.")
    hosts: Mapping[str, TcpHost] = field(default_factory=dict, metadata={"text": "By host."})


@dataclass(frozen=True, kw_only=True)
class Fence:
    """What the agents of the fence did. A figure is null if not all that it rests on was observed."""

    agents: int | None = _of("Agents that were seen to act before the first fault.")
    released: int | None = _of("How often they ended a leadership after the first fault.")
    declined: int | None = _of("How often they were about to, and did not.")
    decide_ms: float | None = _of("From the first fault until they first ended a leadership.")
    left: int | None = _of("Hosts that still refused another one at the end.")


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the system's timing model expects."""

    rto_ms: tuple[float, ...] = field(metadata={"text": "The minimum and maximum write outage."})


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """One expectation of the experiment, judged."""

    name: str = field(metadata={"text": "What is expected, in words."})
    metric: str = field(metadata={"text": "The figure: a key of the verdict, with dots for nested ones."})
    op: str = field(metadata={"text": "`<=`, `>=`, `==`, `!=` or `is` (equal, and of the same type)."})
    verdict: Judged = field(metadata={"text": "Whether it held."})
    wanted: Any = field(metadata={"text": "A value, or the key of the figure to compare with."})
    found: Any = field(metadata={"text": "The figure's value; null where it was not observed."})


@dataclass(frozen=True, kw_only=True)
class Alert:
    """An alert that was expected, or that fired after the fault. Times are from the fault; null: not observed."""

    name: str = field(metadata={"text": "Its name."})
    host: str | None = _of("The host that it is about.")
    asked: Literal["expected", "optional", "not expected"] = field(metadata={"text": "Whether it was expected."})
    verdict: Judged | None = _of("Whether it was delivered in time; null unless it was expected.")
    within_ms: float | None = _of("The longest time until its delivery that is expected.")
    pending_ms: float | None = _of("When its condition was first seen to hold.")
    fired_ms: float | None = _of("When it fired.")
    delivered_ms: float | None = _of("When it was delivered.")
    resolved_ms: float | None = _of("When its resolution was delivered.")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The verdict on a run, and every figure that it is based on.

    A figure is None if it was not observed. Fields in `_ms` are milliseconds; `fault_at`, `from_` and `to` are
    nanoseconds since the epoch. docs/verdict.md describes each field.
    """

    format: Literal[1] = field(default=1, metadata={"text": "The format of this file."})
    experiment: str = field(metadata={"text": "The experiment's name."})
    title: str = field(metadata={"text": "The experiment's title."})
    verdict: Judged = field(metadata={"text": "Whether the expectations of the run held."})
    why: tuple[str, ...] = field(metadata={"text": "One sentence for each reason, failures first."})
    rto_ms: float | None = _of("The write outage: the longest time between two acknowledged writes of the probe.")
    read_outage_ms: float | None = _of("The read outage: the longest time without a successful read by a user.")
    acked: int | None = _of("Acknowledged writes, of the probe and of the users.")
    failed: int | None = _of("Failed writes.")
    unknown_writes: int | None = _of("Writes whose outcome the client does not know.")
    lost: int | None = _of("Acknowledged writes that are missing from the tables at the end.")
    lost_ids: Mapping[str, tuple[int | str, ...]] = field(
        default_factory=dict, metadata={"text": "Their ids, by table (`probe`, `forecast`)."}
    )
    ghost: int | None = _of("Failed or unknown writes that are present at the end.")
    dual_primary_ms: float | None = _of("How long two nodes provably accepted writes simultaneously.")
    dual_primary: tuple[DualPrimary, ...] = _list("When, and which nodes.")
    dual_holder_ms: float | None = _of("How long two proxies provably held the floating address simultaneously.")
    dual_holder: tuple[DualHolder, ...] = _list("When, and which proxies.")
    phases: Phases = field(default_factory=Phases, metadata={"text": "The phases of the outage."})
    user_errors: int | None = _of("User requests that did not succeed, in the entire run.")
    user_requests: int | None = _of("User requests in the entire run.")
    user_not_sent: int | None = _of("Those of them that the load generator did not send; they count as errors.")
    unwatched: tuple[str, ...] = _list("Members of the cluster that may lead and were not watched.")
    leader_before: str | None = _of("The leader in the steady state before the faults.")
    leader_after: str | None = _of("The leader in the steady state after them.")
    timeline_before: int | str | None = _of("The timeline (or another epoch of leadership) before the faults.")
    timeline_after: int | str | None = _of("The timeline after them.")
    fault_at: int | None = _of("When the first fault was injected.")
    predicted: Prediction | None = _of("What the system's timing model predicts; null if it has no model.")
    tcp: Tcp | None = _of("TCP counters of the hosts; null without the observer `tcp`.")
    fence: Fence | None = _of("What the fence decided; null on a cluster without one.")
    before: Felt = field(default_factory=Felt, metadata={"text": "What users experienced before the first fault."})
    during: During = field(
        default_factory=During, metadata={"text": "What users experienced while a fault was active."}
    )
    levels: tuple[Level, ...] = _list("What users experienced at each level.")
    write_errors: int | None = _of("User writes that did not succeed, in the entire run.")
    read_errors: int | None = _of("User reads that did not succeed, in the entire run.")
    errors_after_heal: int | None = _of("User requests that started after the last healing began and did not succeed.")
    leader_changes: int | None = _of("How often another node took the leadership after the first fault.")
    rejoin_ms: float | None = _of("From the start of the last healing until the cluster was in its steady state.")
    sync_replaced_ms: float | None = _of("From the first fault until its host was no longer a sync standby.")
    caught_up_ms: float | None = _of("From the start of the last healing until the node had caught up with the leader.")
    caught_up_by: str | None = _of("How that node caught up.")
    down_after_ms: float | None = _of("From the first fault until the last write before an outage of more than 1 s.")
    back_after_heal_ms: float | None = _of("From the start of the last healing until the write that ended the outage.")
    diverged: int | None = _of("Writes acknowledged on an old timeline after writes on a newer one.")
    diverged_timelines: tuple[Fork, ...] = _list("Which, and when.")
    steady_before: bool | None = _of("Whether the cluster was in its steady state before the faults.")
    steady_after: bool | None = _of("Whether the cluster was in its steady state after them.")
    expectations: tuple[Expectation, ...] = _list("Every expectation, judged.")
    alerts: tuple[Alert, ...] = _list("Every expected alert, judged, and every other that fired.")
    alerts_unexpected: int | None = _of("Alerts that fired and were not expected; null without monitoring.")
    alerts_delivered: int | None = _of("Alerts that were delivered, each with other labels.")
    alerts_suppressed: int | None = _of("Alerts that were not sent because of others (inhibited) or a silence.")
    seed: int | None = _of("The seed of all random choices.")
    versions: Mapping[str, str] | None = _of("Versions of the software on the hosts.")
    notes: tuple[str, ...] = _list(
        "Further remarks: a step of the controller's clock, the traceback if the judge failed."
    )

    def to_json(self) -> dict[str, Any]:
        """The content of verdict.json."""
        found: dict[str, Any] = shape.to_json(self)
        return found

    @classmethod
    def from_json(cls, content: Any) -> "Verdict":
        """The verdict in the content of a verdict.json. ValueError if its format is not 1."""
        known = content.get("format") if isinstance(content, Mapping) else None
        if known != FORMAT or isinstance(known, bool):
            raise ValueError(f"wanted a verdict of format {FORMAT}, found {known!r}")
        found: Verdict = shape.from_json(cls, content)
        return found


@lru_cache(maxsize=1)
def shipped() -> str:
    """The text of the shipped verdict.schema.json."""
    return files("firedrill.experiments.judge").joinpath("verdict.schema.json").read_text(encoding="utf-8")


def generated() -> dict[str, Any]:
    """The JSON schema of verdict.json, generated from `Verdict`."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Firedrill verdict.json"}
    return head | shape.schema(Verdict)

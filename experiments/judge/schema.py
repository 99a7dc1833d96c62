"""The content of verdict.json, typed: `Verdict` is its schema.

A figure that was not observed is None. Names that end in `_ms` are milliseconds; `fault_at`, `from` and `to` are
nanoseconds since the epoch. A field's text is its documentation: the tables of docs/verdict.md and the descriptions
in verdict.schema.json are made of it. A trailing underscore is not part of a key (`from_` is `from`).
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
    """A field that is None where it was not observed, and its documentation."""
    return field(default=default, metadata={"text": text})


def _list(text: str) -> Any:
    return field(default=(), metadata={"text": text})


@dataclass(frozen=True, kw_only=True)
class Felt:
    """What users got in a span of time. All None where it was not observed."""

    write_rate: float | None = _of("Successful writes a second.")
    write_p50_ms: float | None = _of("Median latency of successful writes, from when they were due.")
    write_p95_ms: float | None = _of("95th percentile of that latency.")
    write_worst_ms: float | None = _of("The longest write, successful or not.")
    write_errors: int | None = _of("Writes without success.")
    read_rate: float | None = _of("Successful reads a second.")
    read_p50_ms: float | None = _of("Median latency of successful reads, from when they were due.")
    read_p95_ms: float | None = _of("95th percentile of that latency.")
    read_worst_ms: float | None = _of("The longest read, successful or not.")
    read_errors: int | None = _of("Reads without success.")


@dataclass(frozen=True, kw_only=True)
class _Ratios:
    write_ratio: float | None = _of("`write_rate` divided by that before the first fault.")
    read_ratio: float | None = _of("`read_rate` divided by that before the first fault.")


@dataclass(frozen=True, kw_only=True)
class During(Felt, _Ratios):
    """What users got while at least one fault was active."""


@dataclass(frozen=True, kw_only=True)
class _Named:
    name: str = field(metadata={"text": "The level's name."})
    from_: int = field(metadata={"text": "When it began."})
    to: int = field(metadata={"text": "When it ended."})


@dataclass(frozen=True, kw_only=True)
class Level(Felt, _Named):
    """A point of a curve: what users got at one level of an experiment."""


@dataclass(frozen=True, kw_only=True)
class Phases:
    """How the time from the first fault to the recovery divides."""

    detect_ms: float | None = _of("From the fault until the old leader's leadership ended.")
    promote_ms: float | None = _of("From there until the new leader took its first write, past the proxy.")
    route_ms: float | None = _of("From there until it took the first write of a client, through the proxy.")
    recover95_ms: float | None = _of("From the fault until users were back at 95 % of their rate before it.")


@dataclass(frozen=True, kw_only=True)
class DualPrimary:
    """A span of time in which two nodes provably took writes."""

    nodes: tuple[str, ...] = field(metadata={"text": "The two nodes."})
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
    writes: int = field(metadata={"text": "How many they were."})


@dataclass(frozen=True, kw_only=True)
class TcpRates:
    """One of the kernel's counters on one host."""

    before: float | None = _of("A second, in the 10 s before the first fault.")
    during: float | None = _of("A second, from the first fault until healing began.")
    worst: int | None = _of("The most in one sample of that time.")


@dataclass(frozen=True, kw_only=True)
class TcpHost:
    """TCP on one host."""

    retransmits: TcpRates = field(metadata={"text": "Segments sent again."})
    checksum_errors: TcpRates = field(metadata={"text": "Segments dropped for a wrong checksum."})


@dataclass(frozen=True, kw_only=True)
class Tcp:
    """TCP on all hosts, from the kernels' counters."""

    retransmits_during: int | None = _of("Segments sent again from the first fault until healing began.")
    checksum_errors_during: int | None = _of("Segments dropped for a wrong checksum in that time.")
    rebooted: tuple[str, ...] | None = _of("Hosts that rebooted.")
    unfenced: int | None = _of("1 where the old leader's host went on with its kernel after another node took over.")
    hosts: Mapping[str, TcpHost] = field(default_factory=dict, metadata={"text": "By host."})


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the system's timing model expects."""

    rto_ms: tuple[float, ...] = field(metadata={"text": "The least and the greatest outage of writes."})


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
class Verdict:
    """The verdict on a run, and every figure that it rests on."""

    format: Literal[1] = field(default=1, metadata={"text": "The format of this file."})
    experiment: str = field(metadata={"text": "The experiment's name."})
    title: str = field(metadata={"text": "The experiment's title."})
    verdict: Judged = field(metadata={"text": "Whether the run's expectations held."})
    why: tuple[str, ...] = field(metadata={"text": "One sentence for each reason, failures first."})
    rto_ms: float | None = _of("The outage of writes: the longest time between two acknowledged writes of the probe.")
    read_outage_ms: float | None = _of("The outage of reads: the longest time without a successful read of a user.")
    acked: int | None = _of("Acknowledged writes, of the probe and of the users.")
    failed: int | None = _of("Failed writes.")
    unknown_writes: int | None = _of("Writes whose outcome the client never learned.")
    lost: int | None = _of("Acknowledged writes that are absent from the tables at the end.")
    lost_ids: Mapping[str, tuple[int | str, ...]] = field(
        default_factory=dict, metadata={"text": "Their ids, by table (`probe`, `forecast`)."}
    )
    ghost: int | None = _of("Failed or unknown writes that are present at the end.")
    dual_primary_ms: float | None = _of("How long two nodes provably took writes at the same time.")
    dual_primary: tuple[DualPrimary, ...] = _list("When, and which nodes.")
    phases: Phases = field(default_factory=Phases, metadata={"text": "How the outage divides."})
    user_errors: int | None = _of("Requests of users without success, in the whole run.")
    user_requests: int | None = _of("Requests of users, in the whole run.")
    leader_before: str | None = _of("The leader in the steady state before the faults.")
    leader_after: str | None = _of("The leader in the steady state after them.")
    timeline_before: int | str | None = _of("The timeline (or another epoch of leadership) before the faults.")
    timeline_after: int | str | None = _of("The timeline after them.")
    fault_at: int | None = _of("When the first fault was injected.")
    predicted: Prediction | None = _of("What the system's timing model expects; null where it has no model.")
    tcp: Tcp | None = _of("TCP on the hosts; null without the observer `tcp`.")
    before: Felt = field(default_factory=Felt, metadata={"text": "What users got before the first fault."})
    during: During = field(default_factory=During, metadata={"text": "What users got while a fault was active."})
    levels: tuple[Level, ...] = _list("What users got at each level.")
    write_errors: int | None = _of("Writes of users without success, in the whole run.")
    read_errors: int | None = _of("Reads of users without success, in the whole run.")
    errors_after_heal: int | None = _of("Both, of those begun after healing the last fault began.")
    leader_changes: int | None = _of("How often another node took the leadership after the first fault.")
    rejoin_ms: float | None = _of("From the last healing until the cluster was in its steady state.")
    sync_replaced_ms: float | None = _of("From the first fault until its host no longer counted as sync standby.")
    caught_up_ms: float | None = _of("From the last healing until the node had caught up with the leader.")
    caught_up_by: str | None = _of("How that node caught up.")
    down_after_ms: float | None = _of("From the first fault until the last write before an outage of over 1 s.")
    back_after_heal_ms: float | None = _of("From the last healing until the write that ended the outage.")
    diverged: int | None = _of("Writes acknowledged on an old timeline after some on a newer one.")
    diverged_timelines: tuple[Fork, ...] = _list("Which, and when.")
    steady_before: bool | None = _of("Whether the cluster was in its steady state before the faults.")
    steady_after: bool | None = _of("Whether the cluster was in its steady state after them.")
    expectations: tuple[Expectation, ...] = _list("Every expectation, judged.")
    alerts: tuple[Any, ...] = _list("Alerts that were delivered; none are recorded yet.")
    seed: int | None = _of("The seed of everything left to chance.")
    versions: Mapping[str, str] | None = _of("Versions of the software on the hosts.")
    notes: tuple[str, ...] = _list("What else a reader should know: the traceback of a judge that failed.")

    def to_json(self) -> dict[str, Any]:
        """The content of verdict.json."""
        found: dict[str, Any] = shape.to_json(self)
        return found

    @classmethod
    def from_json(cls, content: Any) -> "Verdict":
        """The verdict that a verdict.json holds. ValueError where it is not one of format 1."""
        known = content.get("format") if isinstance(content, Mapping) else None
        if known != FORMAT or isinstance(known, bool):
            raise ValueError(f"wanted a verdict of format {FORMAT}, found {known!r}")
        found: Verdict = shape.from_json(cls, content)
        return found


@lru_cache(maxsize=1)
def shipped() -> str:
    """The text of verdict.schema.json, as it is shipped."""
    return files("firedrill.experiments.judge").joinpath("verdict.schema.json").read_text(encoding="utf-8")


def generated() -> dict[str, Any]:
    """The JSON schema of verdict.json, made from `Verdict`."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Firedrill verdict.json"}
    return head | shape.schema(Verdict)

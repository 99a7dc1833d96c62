"""When each node provably took writes: two primaries at the same time, and history that forked."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, combinations

from firedrill.experiments.judge.basis import Basis
from firedrill.experiments.judge.facts import NodeWrite
from firedrill.experiments.judge.gaps import SILENCE
from firedrill.experiments.judge.schema import DualPrimary, Fork
from firedrill.experiments.judge.spans import Span, covered, ms


@dataclass(frozen=True)
class Proof:
    """A time in which a node provably took writes; where `moment`, at some moment within the span."""

    span: Span
    moment: bool


@dataclass(frozen=True)
class Overlap:
    """A span in which two nodes provably took writes."""

    a: str
    b: str
    span: Span


def proofs(writes: Iterable[NodeWrite]) -> dict[str, list[Proof]]:
    """By node, when it provably took writes: from an ack to the beginning of the last acknowledged write of a row.

    A row of one ack proves a moment between its beginning and its end.
    """
    by_host: defaultdict[str, list[NodeWrite]] = defaultdict(list)
    for write in writes:
        by_host[write.host].append(write)
    return {host: [_proof(row) for row in rows(by_host[host])] for host in sorted(by_host)}


def rows(writes: Iterable[NodeWrite]) -> Iterator[list[Span]]:
    """Unbroken rows of one node's acknowledged writes: any other outcome, or 1 s from ack to ack, ends a row."""
    row: list[Span] = []
    for write in writes:
        broken = write.outcome != "acked" or write.readonly
        if row and (broken or write.t - row[-1].end > SILENCE):
            yield row
            row = []
        if not broken:
            row.append(Span(write.start, write.t))
    if row:
        yield row


def _proof(row: Sequence[Span]) -> Proof:
    between = Span(row[0].end, row[-1].begin)
    return Proof(between, False) if between.length > 0 else Proof(Span(row[0].begin, row[-1].end), True)


def overlaps(found: Mapping[str, Sequence[Proof]]) -> tuple[Overlap, ...]:
    """Every time two nodes provably took writes, by beginning."""
    pairs = [
        Overlap(a, b, both)
        for a, b in combinations(found, 2)
        for one, other in _meeting(found[a], found[b])
        if (both := overlap(one, other))
    ]
    return tuple(sorted(pairs, key=lambda pair: (pair.span.begin, pair.a, pair.b)))


def _meeting(some: Sequence[Proof], others: Sequence[Proof]) -> Iterator[tuple[Proof, Proof]]:
    """The pairs whose spans may meet."""
    ordered = sorted(others, key=lambda proof: proof.span.begin)
    begins = [proof.span.begin for proof in ordered]
    ends = list(accumulate((proof.span.end for proof in ordered), max))
    for one in some:
        for other in ordered[bisect_right(ends, one.span.begin) : bisect_left(begins, one.span.end)]:
            yield one, other


def overlap(one: Proof, other: Proof) -> Span | None:
    """The time both nodes took writes; a moment counts where its span lies within that of the other."""
    both = Span(max(one.span.begin, other.span.begin), min(one.span.end, other.span.end))
    moments = [proof.span for proof in (one, other) if proof.moment]
    if both.length <= 0 or len(moments) == 2 or (moments and moments[0] != both):
        return None
    return both


def dual_primary_ms(basis: Basis, found: Sequence[Overlap]) -> float | None:
    """For how long two nodes took writes. No overlap is 0 only where every node was observed throughout."""
    if not found and not basis.every_node_seen:
        return None
    return ms(covered(pair.span for pair in found))


def dual_primary(found: Iterable[Overlap]) -> tuple[DualPrimary, ...]:
    return tuple(
        DualPrimary(nodes=(pair.a, pair.b), from_=pair.span.begin, to=pair.span.end, ms=ms(pair.span.length))
        for pair in found
    )


def forks(writes: Iterable[NodeWrite]) -> tuple[Fork, ...]:
    """Writes acknowledged on an old epoch after another node had acknowledged some on a newer one."""
    acked = [write for write in writes if write.outcome == "acked"]
    ranks = order(write.epoch for write in sorted(acked, key=lambda write: write.t))
    newest: tuple[int | str, int] | None = None  # the newest epoch, and when its first write was acknowledged
    found: dict[tuple[str, int | str], Fork] = {}
    for write in acked:
        epoch = write.epoch
        if not epoch:
            continue
        if newest is None or ranks[epoch] > ranks[newest[0]]:
            newest = (epoch, write.t)
        elif ranks[epoch] < ranks[newest[0]] and write.start > newest[1]:
            last = found.get((write.host, epoch))
            found[write.host, epoch] = Fork(
                node=write.host,
                timeline=epoch,
                newer=last.newer if last else newest[0],
                from_=last.from_ if last else write.start,
                to=write.t,
                writes=last.writes + 1 if last else 1,
            )
    return tuple(found.values())


def order(epochs: Iterable[int | str | None]) -> dict[int | str, int]:
    """The rank of each epoch: of numbers their own, of texts the order in which they were first seen.

    An epoch is made when a leader is: one that is seen for the first time later is newer.
    """
    seen = list(dict.fromkeys(epoch for epoch in epochs if epoch))
    if all(isinstance(epoch, int) for epoch in seen):
        return {epoch: int(epoch) for epoch in seen}
    return {epoch: rank for rank, epoch in enumerate(seen)}


def diverged(basis: Basis, found: Sequence[Fork]) -> int | None:
    """How many writes that were. None found is 0 only where every node was observed throughout, and all with an epoch.

    Numbers and texts together have no order.
    """
    acked = [write.epoch for write in basis.node_writes if write.outcome == "acked"]
    if not found and not (basis.every_node_seen and all(acked) and len({type(epoch) for epoch in acked}) <= 1):
        return None
    return sum(fork.writes for fork in found)

"""When each proxy provably held the floating address, and when two did at the same time."""

from collections.abc import Iterable, Mapping, Sequence

from firedrill.experiments.judge.basis import Basis
from firedrill.experiments.judge.facts import NodeWrite
from firedrill.experiments.judge.primaries import Overlap, Proof, proofs
from firedrill.experiments.judge.schema import DualHolder
from firedrill.experiments.judge.spans import covered, ms

OBSERVER = "address"


def holding(basis: Basis) -> Mapping[str, Sequence[Proof]]:
    """By proxy, when it provably held the address.

    A sample is like a write to a node: between its `start` and its `t` the address was held, or was not.
    """
    samples = basis.rec.of(OBSERVER, "holder")
    return proofs(
        NodeWrite(e["host"], e["start"], e["t"], "acked" if e.get("holds") else "failed", False, None) for e in samples
    )


def dual_holder_ms(basis: Basis, found: Sequence[Overlap]) -> float | None:
    """For how long two proxies held it. No overlap is 0 only where every proxy answered throughout, and one held it.

    Where none ever held it, the samples are of another address than the one that moves.
    """
    window, samples = basis.window, basis.rec.of(OBSERVER, "holder")
    silent = (
        e
        for e in samples
        if not (e["reachable"] and e.get("holds") is not None) and window.begin <= e["t"] <= window.end
    )
    held = any(e.get("holds") for e in samples)
    if not found and (any(silent) or not held or not basis.coverage.saw(OBSERVER, window)):
        return None
    return ms(covered(pair.span for pair in found))


def dual_holder(found: Iterable[Overlap]) -> tuple[DualHolder, ...]:
    return tuple(
        DualHolder(proxies=(pair.a, pair.b), from_=pair.span.begin, to=pair.span.end, ms=ms(pair.span.length))
        for pair in found
    )

"""What the cluster did about a fault: who led, who stood by, when it was whole, whether its history forked.

The promise is that of figures.py: what was not observed is null.
"""

import json
from typing import Any

from firedrill.experiments.judge.figures import ms, write_outage
from firedrill.experiments.judge.recording import SECOND, SILENCE, Recording, Span, interval, leader_history


def leader_changes(rec: Recording) -> int | None:
    """How often the leader key came to another node after the first fault.

    The watch of etcd goes on where it broke off, so that it misses no change even where it had a hole.
    """
    if rec.fault_at is None or interval(rec, "etcd") is None or _ends_blind(rec):
        return None
    holders = [(t, who) for t, who in leader_history(rec) if who]
    then = [who for t, who in holders if t <= rec.fault_at][-1:]
    if not then:
        return None
    row = then + [who for t, who in holders if t > rec.fault_at]
    return sum(one != other for one, other in zip(row, row[1:], strict=False))


def _ends_blind(rec: Recording) -> bool:
    """Whether the watch of etcd did not stand any more when the window ended: who knows what it missed."""
    heard = [e["t"] for kind in ("alive", "key") for e in rec.of("etcd", kind)]
    return rec.window.end - max(heard, default=0) > 5 * SECOND


def rejoin_ms(rec: Recording) -> float | None:
    """From the beginning of the last healing until the cluster was whole again."""
    healed = rec.healed_at
    if healed is None:
        return None
    after = (e["t"] for e in rec.of("runner", "steady") if e["phase"] == "after" and e["ok"] and e["t"] >= healed)
    return next((ms(t - healed) for t in after), None)


def caught_up(rec: Recording) -> dict[str, Any]:
    """From the beginning of the last healing until the node that was away had all that the leader had, and by what."""
    healed = rec.healed_at
    told = [e for e in rec.of("runner", "caught_up") if e["ok"] and healed is not None and e["t"] >= healed]
    if not told or healed is None:
        return {"caught_up_ms": None, "caught_up_by": None}
    return {"caught_up_ms": ms(told[0]["t"] - healed), "caught_up_by": told[0].get("by")}


def sync_replaced_ms(rec: Recording) -> float | None:
    """From the first fault until Patroni no longer counted on the host that it hit as a synchronous standby."""
    host = rec.injected[0].get("host") if rec.injected else None
    keys = [(e["t"], _standbys(e.get("value"))) for e in rec.of("etcd", "key") if e["key"] == "sync"]
    if host is None or rec.fault_at is None or interval(rec, "etcd") is None:
        return None
    known = [names for t, names in keys if t <= rec.fault_at][-1:]
    if not known or host not in known[0]:
        return None
    gone = next((t for t, names in keys if t > rec.fault_at and host not in names), None)
    if gone is None or rec.blind("etcd", Span(rec.fault_at, gone)) or rec.deaf(gone):
        return None
    return ms(gone - rec.fault_at)


def _standbys(value: str | None) -> list[str]:
    try:
        found = json.loads(value or "{}")
    except ValueError:
        return []
    names = found.get("sync_standby") if isinstance(found, dict) else None
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else []


def diverged(rec: Recording) -> dict[str, Any]:
    """Writes acknowledged past the proxy on a timeline after another node took some on a newer one: a fork."""
    acked = [e for e in rec.of("node_probe", "write") if e["outcome"] == "acked" and e.get("timeline")]
    newest: dict[str, Any] | None = None
    forks: dict[tuple[str, int], dict[str, Any]] = {}
    for event in acked:
        if newest is None or event["timeline"] > newest["timeline"]:
            newest = event
        elif event["timeline"] < newest["timeline"] and event["start"] > newest["t"]:
            one = forks.setdefault(
                (event["host"], event["timeline"]),
                {"node": event["host"], "timeline": event["timeline"], "newer": newest["timeline"],
                 "from": event["start"], "to": event["t"], "writes": 0},
            )  # fmt: skip
            one |= {"to": event["t"], "writes": one["writes"] + 1}
    unseen = not forks and (interval(rec, "node_probe") is None or rec.blind("node_probe", rec.window))
    found = list(forks.values())
    return {
        "diverged": None if unseen else sum(one["writes"] for one in found),
        "diverged_timelines": found,
    }


def outage_times(rec: Recording) -> dict[str, float | None]:
    """Around an outage of writes of over 1 s: how long they went on after the fault, and when after healing began
    they were back; null where there was none, or it was over before."""
    found = write_outage(rec)
    nothing: dict[str, float | None] = {"down_after_ms": None, "back_after_heal_ms": None}
    if found.span is None or rec.fault_at is None or found.state == "unseen" or found.span.length <= SILENCE:
        return nothing
    down = ms(max(0, found.span.begin - rec.fault_at))
    healed = rec.healed_at
    back = None
    if found.state == "seen" and healed is not None and found.span.begin <= healed <= found.span.end:
        back = ms(found.span.end - healed)
    return {"down_after_ms": down, "back_after_heal_ms": back}


def figures(rec: Recording) -> dict[str, Any]:
    """Everything above, as keys of verdict.json."""
    return {
        "leader_changes": leader_changes(rec),
        "rejoin_ms": rejoin_ms(rec),
        "sync_replaced_ms": sync_replaced_ms(rec),
        **caught_up(rec),
        **outage_times(rec),
        **diverged(rec),
    }

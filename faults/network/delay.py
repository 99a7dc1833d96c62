"""Packets that take longer."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.faults.network import netem, paths, peers
from firedrill.faults.network.firewall import DIRECTIONS
from firedrill.faults.protocol import NotEffective, Refused, Target

PINGS = 20
ROUNDS = 3  # a connection takes one round trip, and the delay and its jitter count once for each direction
MOST_MS = 60_000
MOST_S = 20  # of one connection
DISTRIBUTIONS = ("uniform", "normal", "pareto", "paretonormal")


@dataclass(frozen=True)
class Delay(netem.Netem):
    """Delay packets to and from `peers` (default all) and `ports` by `ms` ± `jitter_ms`; `direction` in, out or both.

    `distribution` of the jitter: uniform, normal, pareto or paretonormal.
    """

    ms: float = 100
    jitter_ms: float = 0
    distribution: str = "uniform"
    peers: str = ""
    ports: str = ""
    direction: str = "out"
    backend: str = netem.BACKEND

    name: ClassVar[str] = "delay"

    def check(self) -> None:
        if not 0 < self.ms <= MOST_MS or not 0 <= self.jitter_ms <= self.ms:
            raise Refused(
                f"a delay of {self.ms:g} ms with a jitter of {self.jitter_ms:g} ms",
                f"give more than 0, at most {MOST_MS}, and no more jitter than delay",
            )
        if self.distribution not in DISTRIBUTIONS:
            raise Refused(f"no distribution {self.distribution!r}", f"choose one of {', '.join(DISTRIBUTIONS)}")
        super().check()

    def netem(self) -> str:
        jitter = f" {self.jitter_ms:g}ms" if self.jitter_ms else ""
        shape = f" distribution {self.distribution}" if jitter and self.distribution != "uniform" else ""
        return f"delay {self.ms:g}ms{jitter}{shape}"

    def note(self, target: Target) -> dict[str, Any]:
        return super().note(target) | {"round_trip_ms": self._round_trip(target)}

    def prove(self, target: Target) -> str:
        """By the round trip, which has the delay once for each direction."""
        before, now = target.before["round_trip_ms"], self._round_trip(target)
        asked = self.ms * len(DIRECTIONS[self.direction])
        if before is None or now is None or now - before < asked * 0.5 - self.jitter_ms:
            raise NotEffective(
                f"{target.host.name}: asked {asked:g} ms more, round trip before {before}, now {now} ms", ""
            )
        more = f"seen {now - before:.0f} ms more of round trip (it was {before:.1f} ms)"
        return f"{target.host.name}: delay asked {asked:g} ms, {more}"

    def _round_trip(self, target: Target) -> float | None:
        """Milliseconds, the mean; None without an answer."""
        peer = self.witness(target)
        if ports := peers.ports_of(target, self.ports):
            pair, patience = (peer, int(ports[0])), min(MOST_S, paths.PROBE_SECONDS + ROUNDS * self.ms / 1000)
            _, _, outcome, took = paths.ask(target.ssh, probe=[pair], seconds=patience)["answers"][0]
            return float(took) if outcome in ("connected", "ECONNREFUSED") else None
        shown = ssh.sh(target.ssh, f"ping -n -q -i 0.01 -W 3 -c {PINGS} {peer}", check=False)
        found = re.search(r"= [\d.]+/([\d.]+)/", shown)
        return float(found[1]) if found else None

"""The proxies lose the path to Patroni's REST API: every health check fails although the leader is healthy."""

from firedrill.experiments.drills.common import SAFE, STAYS, may
from firedrill.experiments.model import Bound, Expect, Experiment, Needs
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.network.drop import Drop

# The next check begins within inter; the first that fails is followed by the others after fastinter; each waits for a
# second (`timeout check`), and `fall` of them mark the server down. `fall - 1` is at most two pauses in both profiles.
DOWN = Bound(1, inter=1, fastinter=2, fall=1)
# The check under way, another after downinter, the rest of `rise` after fastinter; clients reconnect within 2 s.
BACK = Bound(4, downinter=1, fastinter=2)

EXPERIMENT = Experiment(
    name="proxy_cut_from_patroni",
    title="The proxies cannot reach the Patroni REST API",
    question="What do users lose when only the health checks of the proxies fail?",
    hypothesis=(
        "Everything: HAProxy marks every server down after `fall` failed checks and closes the connections to a "
        "healthy leader (on-marked-down shutdown-sessions). Patroni notices nothing, so there is no failover. Clients "
        "are back as soon as a check succeeds."
    ),
    steps=(
        Wait(8),
        Inject(Drop(peers="group:postgres", ports="patroni"), "group:proxy", limit_s=90, max_hosts=8),
        Wait(25),
        Heal(),
        UntilSteady(within_s=60),
        Wait(3),
    ),
    expectations=(
        Expect(f"the proxies mark the leader down within {DOWN}", "down_after_ms", "<=", DOWN),
        Expect("nothing is written from then on", "rto_ms", ">=", Bound(seconds=15)),
        Expect("nothing is read from then on", "read_outage_ms", ">=", Bound(seconds=15)),
        Expect(f"writes are back within {BACK} of healing", "back_after_heal_ms", "<=", BACK),
        STAYS,
        *SAFE,
    ),
    alerts=may("UserErrors", "UserLatency", "ScrapeDown"),
    cost_s=60,
    needs=Needs(databases=2, proxies=1),
)

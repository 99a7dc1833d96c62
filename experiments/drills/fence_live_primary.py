"""A primary that lives, and that all agents of the fence take for dead: what the refusal is for.

Its Patroni hangs, its own agent is stopped, and it lets no new connection in, but its standbys still stream, and its
clients, who came directly, still write. As the leadership ends, the Patroni of one standby hangs for a while, so that
this standby goes on confirming the old primary's commits after the other one was promoted.
"""

import shlex
from dataclasses import replace

from firedrill.experiments.drills.common import SAFE
from firedrill.experiments.drills.fence_steps import AGENT, ANY, RELEASED, changed
from firedrill.experiments.model import Experiment, Load, Needs, Step
from firedrill.experiments.steps import Heal, Inject, UntilSteady, UntilWrites, Wait
from firedrill.faults.command import Command

_LIMIT_S = 120
_STALL = "firedrill-drill-stall"
_SCRIPT = f"/run/{_STALL}.sh"
# A standby logs this when it asks the others for their positions, which takes 2 s where the old leader does not answer.
_LOOP = """\
began=$(date +%s)
until journalctl -q -u patroni --since @$began -o cat | grep -q "Got response from"; do sleep 0.1; done
sleep 0.5
pid=$(systemctl show -P MainPID patroni)
kill -STOP $pid
sleep 8
kill -CONT $pid
exec sleep infinity
"""
STALLS = Command(
    do=(
        f"printf %s {shlex.quote(_LOOP)} > {_SCRIPT} && "
        f"systemd-run --quiet --collect --unit={_STALL} --property=RuntimeMaxSec=300 sh {_SCRIPT}"
    ),
    proof=f"systemctl is-active --quiet {_STALL}",
    undo=f"systemctl stop {_STALL} 2>/dev/null; rm -f {_SCRIPT}; kill -CONT $(systemctl show -P MainPID patroni)",
)
_TABLE = "ip firedrill_drill_deaf"
_PATRONI = "$(systemctl show -P MainPID patroni)"
# In one injection: Patroni's lease must not expire in between, however slow this machine is. What the agent said last
# expires after 3 s.
TAKEN_FOR_DEAD = Command(
    do=(
        f"systemctl stop {AGENT} && sleep 3.5 && kill -STOP {_PATRONI} && "
        f"nft 'table {_TABLE} {{ chain input {{ type filter hook input priority -10; policy accept; "
        "iifname lo accept; '\"ip saddr ${SSH_CONNECTION%% *} accept; \"'"
        "tcp flags & (syn|ack) == syn drop; }; }'"
    ),
    proof=f"nft list table {_TABLE}",
    undo=(
        f"nft delete table {_TABLE} 2>/dev/null; kill -CONT {_PATRONI}; systemctl start {AGENT}; "
        f"! nft list table {_TABLE} 2>/dev/null"
    ),
)


def _steps(*before: Step) -> tuple[Step, ...]:
    return (
        Wait(4),
        *before,
        Inject(STALLS, "initial_replica:2", limit_s=_LIMIT_S, text="a Patroni that hangs as the leadership ends"),
        Inject(
            TAKEN_FOR_DEAD, "initial_leader", limit_s=_LIMIT_S, allow_quorum_loss=True,
            text="a frozen Patroni, no agent, and no new connections",
        ),
        Wait(14),
        Heal(),
        UntilWrites(within_s=60),
        UntilSteady(within_s=120),
        Wait(2),
    )  # fmt: skip


LIVE = Experiment(
    name="fence_live_primary",
    title="All agents of the fence consider a live primary dead, and clients write to it directly",
    question="Is a write lost that a live primary acknowledges while another node is promoted?",
    hypothesis=(
        "No: before the leadership ends, as many standbys refuse the old primary as its commits need, so that it "
        "acknowledges none any more. What it acknowledged before is on the node that is promoted."
    ),
    steps=_steps(),
    expectations=(RELEASED, *SAFE),
    cost_s=90,
    load=Load(file="loadtests/direct.py", rates={"INSERT": 60, "SELECT": 5}),
    needs=Needs(databases=3, coordinators=3, fence=ANY),
)

UNSAFE = replace(
    LIVE,
    name="fence_without_refusal",
    title=f"{LIVE.title}; without the refusal",
    question="Does the judge find the writes that are lost if nobody refuses the old primary?",
    hypothesis=(
        "The standby whose Patroni hangs goes on confirming the old primary's commits, and then follows the new one: "
        "these writes are lost. The drill fails on every cluster."
    ),
    steps=_steps(
        Inject(
            changed(without_refusal=True), "group:etcd,group:postgres,group:proxy", limit_s=_LIMIT_S, max_hosts=99,
            allow_quorum_loss=True, text="agents that leave out the refusal",
        )
    ),
)  # fmt: skip

EXPERIMENTS = (LIVE, UNSAFE)

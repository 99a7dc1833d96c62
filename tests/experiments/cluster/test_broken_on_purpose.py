"""A cluster that is broken on purpose, in one thing at a time: the experiment made for it fails, and says why.

The frozen leader without a watchdog is in test_on_kernels.py: it takes a kernel of the host's own.
"""

from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest

from firedrill.cluster.patroni import rest
from firedrill.experiments.drills.leader_power_cut import EXPERIMENT
from firedrill.experiments.lookup import find
from firedrill.experiments.model import Expect
from firedrill.experiments.run import steady_state
from firedrill.experiments.steps import Heal, Inject, UntilSteady, Wait
from firedrill.faults.command import Command
from firedrill.faults.targets import resolve
from tests.experiments.cluster.helpers import on, run

pytestmark = pytest.mark.lab("broken")
# Patroni that stays primary when it has lost etcd: everything else of it is as it was.
HA = "/usr/lib/python3/dist-packages/patroni/ha.py"
STUBBORN = f"""
cp -p {HA} {HA}.sound
cat >> {HA} <<'END'
_demote = Ha.demote
Ha.demote = lambda self, mode: None if mode == "offline" else _demote(self, mode)
END
"""
AGAIN = "systemctl kill -s KILL --kill-whom=main patroni; until systemctl is-active -q patroni; do sleep 0.1; done"
# The write port leads to one node, whatever that node is: which one is written down, and never asked.
UNCHECKED = r"""
cd /etc/haproxy && cp -p haproxy.cfg sound.cfg
sed -i '/^backend postgres_write/,/^$/ {{
  /httpchk/d; /http-check/d; / server {leader} /! {{ / server /d }}; s/ check port .*//
}}' haproxy.cfg
systemctl reload haproxy
"""
CHECKED = "cd /etc/haproxy && mv sound.cfg haproxy.cfg && systemctl reload haproxy"


def test_asynchronous_replication_loses_acknowledged_writes_and_is_told(sound, tmp_path):
    """Synchronous mode off and the standbys held back: the leader's death loses what only it had."""
    before = rest.dynamic_configuration(sound)
    verdict, events = run(sound, find("leader_power_cut_async"), tmp_path)
    assert rest.dynamic_configuration(sound) == before
    assert verdict["verdict"] == "fail"
    assert verdict["lost"] > 0
    ids = verdict["lost_ids"]["probe"]
    acked = {
        e["id"] for e in events if e["source"] == "write_probe" and e["kind"] == "write" and e["outcome"] == "acked"
    }
    present = {i for e in events if e["kind"] == "present" and e["table"] == "probe" for i in e["ids"]}
    assert ids
    assert set(ids) <= acked - present
    assert any("lost" in sentence for sentence in verdict["why"])


def test_two_primaries_are_seen_and_told(sound, tmp_path):
    """Patroni stopped on a standby, which is promoted by hand beside the leader."""
    patroni = "$(systemctl show -P MainPID patroni)"
    promote = Command(
        do=f"kill -STOP {patroni}; runuser -u postgres -- psql -qtAc 'SELECT pg_promote()'",
        proof="runuser -u postgres -- psql -tAc 'SELECT pg_is_in_recovery()' | grep -q f",
        undo=f"kill -CONT {patroni}",
    )
    experiment = replace(
        EXPERIMENT,
        name="two_primaries",
        steps=(Wait(3), Inject(promote, "replica"), Wait(4), Heal(), UntilSteady(90)),
        expectations=(Expect("never two primaries", "dual_primary_ms", "==", 0),),
    )
    verdict, _ = run(sound, experiment, tmp_path)
    assert verdict["verdict"] == "fail"
    assert verdict["dual_primary_ms"] > 1000
    nodes = verdict["dual_primary"][0]["nodes"]
    assert len(set(nodes)) == 2
    assert any("primar" in sentence for sentence in verdict["why"])


@contextmanager
def a_patroni_that_does_not_demote(ways):
    """On every node; a killed Patroni starts again under a PostgreSQL that goes on."""
    names = [host.name for host in ways.inventory.role("postgres")]
    for name in names:
        on(ways, name, STUBBORN + AGAIN)
    state, _ = steady_state.wait(ways, 60, print)
    assert state.ok, state.detail
    try:
        yield
    finally:
        for name in names:
            on(ways, name, f"mv {HA}.sound {HA}; {AGAIN}")


@contextmanager
def a_proxy_that_does_not_check(ways):
    leader, proxies = rest.view(ways).leader.name, [host.name for host in ways.inventory.role("proxy")]
    for name in proxies:
        on(ways, name, UNCHECKED.format(leader=leader))
    try:
        yield
    finally:
        for name in proxies:
            on(ways, name, CHECKED)


@contextmanager
def a_single_proxy(ways):
    """The other one has no keepalived, so nobody takes the address over."""
    (holder,) = resolve("vip_holder", ways)
    (other,) = [host.name for host in ways.inventory.role("proxy") if host != holder]
    on(ways, other, "systemctl stop keepalived")
    try:
        yield
    finally:
        on(ways, other, "systemctl start keepalived")


@pytest.mark.parametrize(
    ("broken", "experiment", "said"),
    [
        (a_patroni_that_does_not_demote, "etcd_two_down", "the primary stops"),
        (a_proxy_that_does_not_check, "switchover", "leads to a replica"),
        (a_single_proxy, "proxy_killed", "writes return within 4 s"),
        (nullcontext, "vip_split", "never two holders of the floating address"),  # VRRP itself is what is broken
    ],
)
def test_the_experiment_made_for_it_fails(sound, tmp_path, broken, experiment, said):
    with broken(sound):
        verdict, events = run(sound, find(experiment), tmp_path)
    assert verdict["verdict"] == "fail", verdict["why"]
    # Of several looks at the steady state the verdict names the last, which may have met a slow etcd.
    looks = [event["detail"] or "" for event in events if event["kind"] == "steady"]
    assert any(said in sentence for sentence in [*verdict["why"], *looks]), verdict["why"]

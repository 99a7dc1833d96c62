"""Every decision of the fence as a table: what is observed, and what follows."""

import dataclasses

import pytest

from firedrill.fence import decision
from firedrill.fence.decision import JUDGE, PROXY, WITNESS, Own, Plan, Refused, Silence, Statement, View
from firedrill.fence.patroni import Cluster, Leader, Member, Sync

DB1 = Leader("db1", 7)
JUDGES = ("etcd1", "etcd2", "etcd3")
ADDRESSES = {f"db{number}": f"192.0.2.2{number}" for number in range(1, 6)}
SILENT = Own(decision.SILENT, 5, 1.1)


def said(host, state, role=JUDGE, leader=DB1, age=0.5):
    return Statement(host, role, leader.name, leader.epoch, state, age)


STANDBYS = (said("db2", decision.SILENT, WITNESS), said("db3", decision.SILENT, WITNESS))
REPLICA = Member("replica", "streaming", False, 3)
CLUSTER = Cluster(
    leader=DB1,
    sync=Sync("db1", ("db2", "db3"), 1),
    synchronous=True,
    members={"db1": Member("primary", "running", False, 3), "db2": REPLICA, "db3": REPLICA},
)
VIEW = View("etcd1", JUDGES, ADDRESSES, SILENT, CLUSTER, (said("etcd2", decision.SILENT), *STANDBYS))


def seen(*statements, own=SILENT, cluster=CLUSTER, judges=JUDGES, me="etcd1"):
    return View(me, judges, ADDRESSES, own, cluster, statements)


# What a judge with five misses sees of the others -> the judges that count, or part of the reason.
SILENCES = {
    "two of three judges": (seen(said("etcd2", decision.SILENT)), ("etcd1", "etcd2")),
    "all judges and witnesses": (
        seen(said("etcd2", decision.SILENT), said("etcd3", decision.SILENT), *STANDBYS),
        JUDGES,
    ),
    "no leader": (seen(cluster=Cluster()), "no leader"),
    "this judge hears it": (seen(own=Own(decision.ALIVE)), "is alive"),
    "this judge has too few misses": (seen(said("etcd2", decision.SILENT), own=Own(decision.MISSING, 4)), "is missing"),
    "this judge knows nothing": (seen(said("etcd2", decision.SILENT), own=Own(decision.UNKNOWN)), "is unknown"),
    "alone": (seen(), "1 of 3 judges hear nothing of db1, 2 are needed"),
    "two of five judges": (
        seen(said("etcd2", decision.SILENT), judges=(*JUDGES, "etcd4", "etcd5")),
        "2 of 5 judges hear nothing of db1, 3 are needed",
    ),
    "another judge hears it": (
        seen(said("etcd2", decision.SILENT), said("etcd3", decision.ALIVE)),
        "etcd3 (judge) sees db1 alive",
    ),
    "a witness hears it": (
        seen(said("etcd2", decision.SILENT), said("etcd3", decision.SILENT), said("db2", decision.ALIVE, WITNESS)),
        "db2 (witness) sees db1 alive",
    ),
    "a witness is not sure yet": (
        seen(said("etcd2", decision.SILENT), said("db2", decision.MISSING, WITNESS)),
        "db2 (witness) sees db1 missing",
    ),
    "a witness that knows nothing is no veto": (
        seen(said("etcd2", decision.SILENT), said("db2", decision.UNKNOWN, WITNESS)),
        ("etcd1", "etcd2"),
    ),
    "a witness whose agent is dead is no veto": (
        seen(said("etcd2", decision.SILENT), said("db2", decision.ALIVE, WITNESS, age=3)),
        ("etcd1", "etcd2"),
    ),
    "a judge whose agent is dead is no vote": (seen(said("etcd2", decision.SILENT, age=3)), "1 of 3 judges"),
    "a vote about an earlier leadership of the same host": (
        seen(said("etcd2", decision.SILENT, leader=Leader("db1", 6))),
        "1 of 3 judges",
    ),
    "a vote about another leader": (seen(said("etcd2", decision.SILENT, leader=Leader("db2", 7))), "1 of 3 judges"),
    "a witness that claims to be a judge by its name": (
        seen(said("etcd2", decision.SILENT, WITNESS)),
        "1 of 3 judges",
    ),
    "a judge that the configuration does not name": (seen(said("etcd9", decision.SILENT)), "1 of 3 judges"),
    "a proxy is no witness": (seen(said("etcd2", decision.SILENT), said("lb1", "", PROXY)), ("etcd1", "etcd2")),
    "the leader's host wrote after the first miss": (
        seen(said("etcd2", decision.SILENT), said("db1", decision.OWN, WITNESS, age=0.2)),
        "db1 itself still writes to etcd",
    ),
    "the leader's host wrote before the first miss": (
        seen(said("etcd2", decision.SILENT), said("db1", decision.OWN, WITNESS, age=1.0)),
        ("etcd1", "etcd2"),
    ),
}


@pytest.mark.parametrize("case", SILENCES)
def test_a_host_is_silent_when_a_majority_of_judges_hears_nothing_and_nobody_sees_it_alive(case):
    view, wanted = SILENCES[case]
    found = decision.silent(view)
    if isinstance(wanted, tuple):
        assert found == Silence(DB1, wanted)
    else:
        assert isinstance(found, Refused) and wanted in found.reason


def test_a_host_is_not_judged_by_itself():
    """Three hosts with etcd and a database each: the two others are a majority, one of them is not."""
    leader = Leader("h1", 7)
    cluster = dataclasses.replace(CLUSTER, leader=leader)
    own = said("h1", decision.SILENT, leader=leader, age=1.0)
    other = said("h3", decision.SILENT, leader=leader)
    addresses = {"h1": "192.0.2.1"}
    hosts = ("h1", "h2", "h3")
    with_other = View("h2", hosts, addresses, SILENT, cluster, (own, other))
    assert decision.silent(with_other) == Silence(leader, ("h2", "h3"))
    alone = View("h2", hosts, addresses, SILENT, cluster, (own,))
    assert "1 of 3 judges" in decision.silent(alone).reason


def changed(**values):
    return dataclasses.replace(VIEW, cluster=dataclasses.replace(CLUSTER, **values))


def with_member(name, **values):
    members = dict(CLUSTER.members)
    members[name] = members[name]._replace(**values)
    return changed(members=members)


FOUR = ("db2", "db3", "db4", "db5")


def five(quorum, there):
    cluster = dataclasses.replace(
        CLUSTER,
        sync=Sync("db1", FOUR, quorum),
        members=dict(CLUSTER.members) | dict.fromkeys(FOUR, REPLICA),
    )
    statements = tuple(said(name, decision.SILENT, WITNESS) for name in there)
    return dataclasses.replace(VIEW, cluster=cluster, statements=statements)


PLANS = {
    "healthy: both standbys must refuse": (VIEW, 2),
    "ANY 1 of 4: all four must refuse": (five(3, FOUR), 4),
    "ANY 2 of 4: three must refuse": (five(2, FOUR[:3]), 3),
    "ANY 1 of 4, and one is gone": (five(3, FOUR[:3]), "3 of the 4 standbys needed"),
    "one named standby (mode on): it must refuse": (changed(sync=Sync("db1", ("db2",), 0)), 1),
    "the leader has changed": (changed(leader=Leader("db2", 9)), "the leader has changed"),
    "the same host leads again": (changed(leader=Leader("db1", 9)), "the leader has changed"),
    "a leader from elsewhere": (
        dataclasses.replace(VIEW, addresses={"db2": "192.0.2.22"}),
        "db1 is not a database of the configuration",
    ),
    "paused": (changed(paused=True), "Patroni is paused"),
    "asynchronous": (changed(synchronous=False), "asynchronous"),
    "a switchover was asked for": (changed(failover_asked=True), "already asked for"),
    "no /sync": (changed(sync=None), "/sync is missing"),
    "/sync of another leader": (changed(sync=Sync("db3", ("db1",), 0)), "/sync is db3's, not db1's"),
    "degraded": (changed(sync=Sync("db1", (), 0)), "degraded"),
    "a standby's agent is dead": (
        dataclasses.replace(VIEW, statements=STANDBYS[:1]),
        "1 of the 2 standbys needed of db2, db3 are there",
    ),
    "a standby is rebuilt": (with_member("db3", state="creating replica"), "1 of the 2 standbys needed"),
    "a standby is a primary": (with_member("db3", role="primary"), "1 of the 2 standbys needed"),
    "a standby may not lead: it can refuse": (with_member("db3", nofailover=True), 2),
    "no standby may lead": (
        changed(sync=Sync("db1", ("db2",), 0), members={"db2": REPLICA._replace(nofailover=True)}),
        "none of db2 may take over",
    ),
}


@pytest.mark.parametrize("case", PLANS)
def test_a_plan_needs_patronis_consent_and_enough_voters(case):
    view, wanted = PLANS[case]
    found = decision.plan(view, DB1)
    if isinstance(wanted, int):
        assert isinstance(found, Plan), found
        assert found.needed == wanted and found.successors and found.address == "192.0.2.21"
    else:
        assert isinstance(found, Refused) and wanted in found.reason


def test_a_plan_waits_for_the_proxies_whose_agents_work():
    proxies = (said("lb1", decision.UNKNOWN, PROXY, age=0.1), said("lb2", decision.UNKNOWN, PROXY, age=9))
    found = decision.plan(dataclasses.replace(VIEW, statements=(*STANDBYS, *proxies)), DB1)
    assert found.enforcers == ("db2", "db3", "lb1")


def made(voters, needed, enforcers=()):
    return Plan(DB1, "192.0.2.21", tuple(voters), needed, tuple(voters), tuple(enforcers))


ENOUGH = [
    (("db2", "db3"), 2, {"db2"}, False),
    (("db2", "db3"), 2, {"db2", "db3"}, True),
    (("db2", "db3"), 2, {"db2", "db4", "lb1"}, False),  # who is no voter does not count
    (FOUR, 3, {"db2", "db3"}, False),
    (FOUR, 3, {"db2", "db4", "db5"}, True),
    (("db2",), 1, set(), False),
    (("db2",), 1, {"db2"}, True),
]


@pytest.mark.parametrize(("voters", "needed", "refusing", "wanted"), ENOUGH)
def test_enough_voters_refuse(voters, needed, refusing, wanted):
    assert decision.enough(made(voters, needed), refusing) is wanted


@pytest.mark.parametrize("count", range(1, 6))
def test_enough_means_that_no_commit_and_no_refusal_are_disjoint(count):
    """Of n voters a commit needs k and an election n - k besides the candidate: whoever refuses, n - k are left at most
    k - 1."""
    voters = [f"db{number}" for number in range(2, 2 + count)]
    for confirm in range(1, count + 1):
        quorum = count - confirm
        refusing = voters[: quorum + 1]
        assert decision.enough(made(voters, quorum + 1), refusing)
        assert len(set(voters) - set(refusing)) < confirm
        assert not decision.enough(made(voters, quorum + 1), refusing[:-1])


def test_complete_waits_for_the_proxies_too():
    one = made(("db2", "db3"), 2, ("db2", "db3", "lb1"))
    assert not decision.complete(one, {"db2", "db3"})
    assert decision.complete(one, {"db2", "db3", "lb1"})
    assert not decision.complete(one, {"db2", "lb1"})


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ("off", None, False),
        ("on", "off", False),
        ("on", "on", True),
        ("on", "an error: no answer within 2.0 s", True),
        ("on", None, True),
    ],
)
def test_power_is_off_when_the_device_reports_it(before, after, refused):
    assert bool(decision.powered_off(before, after)) is refused


LIFTS = {
    "nothing is known of it": (Cluster(leader=Leader("db2", 9)), None),
    "what it wrote before the release": (
        Cluster(leader=Leader("db2", 9), members={"db1": Member("replica", "running", False, 10)}),
        None,
    ),
    "it still calls itself primary": (
        Cluster(leader=Leader("db2", 9), members={"db1": Member("primary", "running", False, 12)}),
        None,
    ),
    "it was demoted": (
        Cluster(leader=Leader("db2", 9), members={"db1": Member("demoted", "stopped", False, 12)}),
        "db1 reports that it is demoted",
    ),
    "it follows": (
        Cluster(leader=Leader("db2", 9), members={"db1": Member("replica", "streaming", False, 12)}),
        "db1 reports that it is replica",
    ),
    "it leads again": (Cluster(leader=Leader("db1", 12)), "holds the leader key again"),
}


@pytest.mark.parametrize("case", LIFTS)
def test_the_refusal_ends_when_the_old_leader_says_that_it_is_none(case):
    cluster, wanted = LIFTS[case]
    found = decision.lift("db1", 10, cluster)
    assert found is None if wanted is None else wanted in found


@pytest.mark.parametrize(
    ("answered", "took_s", "network", "wanted"),
    [
        (True, 0.01, True, decision.ALIVE),
        (True, 9.0, True, decision.ALIVE),
        (False, 0.21, True, decision.MISSING),
        (False, 0.7, True, decision.UNKNOWN),
        (False, 0.21, False, decision.UNKNOWN),
    ],
)
def test_a_late_prober_or_one_without_network_knows_nothing(answered, took_s, network, wanted):
    assert decision.sample(answered, took_s, 0.2, network=network) == wanted

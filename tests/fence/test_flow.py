"""The agents of one cluster against a real etcd: from silence to the release, each refusal on the way, and no trace."""

import contextlib
import dataclasses
import json
import threading

import pytest

from firedrill.fence import decision
from firedrill.fence.block import Failed, Refusal
from firedrill.fence.config import Config
from firedrill.fence.decision import Own, Refused
from firedrill.fence.enforcer import Enforcer
from firedrill.fence.gateway import Unavailable, encoded
from firedrill.fence.judge import Judge
from firedrill.fence.patroni import cluster
from firedrill.fence.report import Report
from firedrill.fence.store import LOCK, REFUSAL, Order, Store

PATRONI, OURS = "/service/flow/", "/fence/flow/"
SILENT = Own(decision.SILENT, 5, 1.0)
CONFIG = Config(
    host="etcd1",
    mode="quorum",
    roles=("judge",),
    judges=("etcd1", "etcd2", "etcd3"),
    addresses={"db1": "192.0.2.21", "db2": "192.0.2.22", "db3": "192.0.2.23"},
    ports=(5432,),
    refused_ports={"postgres": 5432, "patroni": 8008},
    etcd=(),
    patroni_prefix=PATRONI,
    prefix=OURS,
)


class Lines(list):
    """What was logged."""

    def events(self):
        return [decoded["event"] for decoded in self.decoded()]

    def decoded(self):
        return [json.loads(line) for line in self]

    def reason(self, event):
        return [one["reason"] for one in self.decoded() if one["event"] == event][-1]


class Standby(threading.Thread):
    """The enforcer of a database, with rules that are only written down; `deaf`: it follows nothing."""

    def __init__(self, name, store, role="witness", broken=False):
        super().__init__(daemon=True)
        self.config = dataclasses.replace(CONFIG, host=name, roles=(role,))
        self.store, self.broken, self.ended = store, broken, threading.Event()
        self.lines, self.scripts = Lines(), []
        self.enforcer = Enforcer(self.config, Refusal(5432, 8008, self._nft), Report(name, write=self.lines.append))
        self.lease = store.lease(60)

    def _nft(self, script):
        if self.broken:
            raise Failed("nft is broken")
        self.scripts.append(script)

    def run(self):
        while not self.ended.wait(0.02):
            with contextlib.suppress(Unavailable):  # as in the agent: an etcd that is slow is asked again
                self.once()

    def once(self):
        with contextlib.suppress(Failed):
            self.enforcer.follow(self.store.snapshot(patroni=False), self.store, self.lease)


class World:
    """Patroni's keys, a judge, and the agents of two standbys."""

    def __init__(self, url, client, tmp_path):
        self.gateway, self._client, self._url = client(url), client, url
        self.store = self.new_store()
        self.lease = self.store.lease(60)
        self.lines, self.standbys, self.folder = Lines(), {}, tmp_path
        self.patroni("leader", "db1")
        self.patroni("sync", '{"leader":"db1","quorum":1,"sync_standby":"db2,db3"}')
        self.patroni("config", '{"synchronous_mode":"quorum"}')
        for name in ("db2", "db3"):
            self.patroni(f"members/{name}", '{"role":"replica","state":"streaming"}')

    def new_store(self):
        return Store(self._client(self._url), PATRONI, OURS)

    def patroni(self, name, value):
        self.gateway.call("kv/put", {"key": encoded(PATRONI + name), "value": encoded(value)})

    def standby(self, name, **options):
        self.standbys[name] = one = Standby(name, self.new_store(), **options)
        one.start()

    def says(self, key, state):
        """What an agent says about db1, now."""
        epoch = cluster(self.snapshot().patroni).leader.epoch
        self.store.put(key, {"leader": "db1", "epoch": epoch, "state": state}, self.lease)

    def all_silent(self):
        for key in ("votes/etcd2", "seen/db2", "seen/db3"):
            self.says(key, decision.SILENT)

    def snapshot(self):
        return self.store.snapshot(patroni=True)

    def judge(self, device=None, **settings):
        config = dataclasses.replace(CONFIG, **settings)
        return Judge(config, self.store, device, Report("etcd1", self.folder, self.lines.append))

    def act(self, device=None, **settings):
        judge = self.judge(device, **settings)
        judge.follow(self.snapshot(), SILENT, self.lease)
        return judge

    @property
    def left(self):
        """Keys of ours that are no statements and no acknowledgements."""
        return {name for name in self.snapshot().fence if "/" not in name}


@pytest.fixture
def world(etcd_url, client, tmp_path):
    made = World(etcd_url, client, tmp_path)
    yield made
    for one in made.standbys.values():
        one.ended.set()
        one.join()
    made.gateway.call("kv/deleterange", {"key": encoded("/"), "range_end": encoded("0")})


def test_the_leader_key_is_released_when_both_standbys_refuse(world):
    world.standby("db2")
    world.standby("db3")
    world.all_silent()
    before = world.snapshot().patroni["sync"]
    world.act()
    assert world.lines.events() == ["decided", "refused_by", "released"]
    after = world.snapshot()
    assert "leader" not in after.patroni and after.patroni["sync"].changed > before.changed
    assert world.left == {REFUSAL}
    order = Order.of(after.fence[REFUSAL])
    assert order.released and order.leader == "db1" and order.by == "etcd1"
    for one in world.standbys.values():
        one.ended.set()
        one.join()
        one.once()
        assert one.lines.events() == ["refusing", "acknowledged"]
        adds = [script for script in one.scripts if "timeout" in script]
        assert "192.0.2.21 timeout 10s" in adds[0] and "192.0.2.21 timeout 60s" in adds[-1]


def test_one_standby_that_does_not_acknowledge_stops_it_and_nothing_is_left(world):
    world.standby("db2")
    world.standby("db3", broken=True)
    world.all_silent()
    before = world.snapshot().patroni
    world.act()
    assert world.lines.events() == ["decided", "refused"]
    assert "db2 refuses db1 after 1.5 s: 2 of db2, db3 must" in world.lines.reason("refused")
    assert world.snapshot().patroni == before and world.left == set()
    accepted = threading.Event()
    for _ in range(100):
        if "accepting" in world.standbys["db2"].lines.events():
            accepted.set()
            break
        accepted.wait(0.05)
    assert accepted.is_set() and "flush set" in world.standbys["db2"].scripts[-1]


def test_what_changes_meanwhile_stops_it_and_nothing_is_left(world, monkeypatch):
    world.standby("db2")
    world.standby("db3")
    world.all_silent()
    judge, refused_by = world.judge(), Judge._refused_by

    def and_then(self, *arguments):
        found = refused_by(self, *arguments)
        world.patroni("sync", '{"leader":"db1","quorum":0,"sync_standby":"db2"}')
        return found

    monkeypatch.setattr(Judge, "_refused_by", and_then)
    judge.follow(world.snapshot(), SILENT, world.lease)
    assert world.lines.events()[-1] == "refused" and "changed meanwhile" in world.lines.reason("refused")
    assert "leader" in world.snapshot().patroni and world.left == set()


def test_a_proxy_is_waited_for_but_not_needed(world):
    for name, role in (("db2", "witness"), ("db3", "witness"), ("lb1", "proxy")):
        world.standby(name, role=role, broken=name == "lb1")
    world.all_silent()
    world.store.put("proxies/lb1", {"leader": "", "epoch": 0, "state": "unknown"}, world.lease)
    world.act()
    assert world.lines.events()[-1] == "released"
    assert world.lines.reason("refused_by") == "db2, db3 refuse db1"


def test_a_veto_is_logged_once(world):
    world.all_silent()
    world.says("seen/db3", decision.ALIVE)
    judge = world.act()
    judge.follow(world.snapshot(), SILENT, world.lease)
    assert world.lines.events() == ["refused"]
    assert world.lines.reason("refused") == "db3 (witness) sees db1 alive"
    assert world.left == set()


def test_while_another_judge_acts_this_one_does_nothing(world):
    world.all_silent()
    assert world.store.lock("etcd2", world.lease)
    world.act()
    assert world.lines.events() == [] and world.left == {LOCK}


class Power:
    """A power device."""

    def __init__(self, refused=None):
        self.refused, self.asked = refused, []

    def off(self, name, address):
        self.asked.append((name, address))
        return self.refused


def test_with_power_the_host_is_off_before_anything_is_refused(world):
    world.standby("db2")
    world.standby("db3")
    world.all_silent()
    device = Power()
    world.act(device, mode="power")
    assert device.asked == [("db1", "192.0.2.21")]
    assert world.lines.events() == ["decided", "powered_off", "refused_by", "released"]


def test_a_power_device_that_lies_stops_it_before_anything_is_refused(world):
    world.standby("db2")
    world.standby("db3")
    world.all_silent()
    world.act(Power(Refused("the power device does not report that the host is off, but on")), mode="power")
    assert world.lines.events() == ["decided", "refused"]
    assert "leader" in world.snapshot().patroni and world.left == set()
    assert all(one.lines == [] for one in world.standbys.values())


def test_a_lock_and_a_refusal_that_were_left_are_removed(world):
    world.store.lock("etcd1", world.lease)
    world.store.order(Order("old", "db1", 1, "etcd1"), world.lease)
    world.act()
    assert world.left == set()


def test_the_refusal_is_lifted_when_the_old_leader_follows(world):
    world.standby("db2")
    world.standby("db3")
    world.all_silent()
    judge = world.act()
    world.patroni("leader", "db2")
    judge.follow(world.snapshot(), Own(decision.ALIVE), world.lease)
    assert world.left == {REFUSAL}
    world.patroni("members/db1", '{"role":"replica","state":"running"}')
    judge.follow(world.snapshot(), Own(decision.ALIVE), world.lease)
    assert world.left == set() and world.lines.reason("lifted") == "db1 reports that it is replica"


def test_without_refusal_as_a_negative_control_the_key_is_deleted_and_that_is_said_loudly(world):
    world.standby("db2")
    world.all_silent()
    world.act(without_refusal=True, chaos_allowed=True)
    assert world.lines.events() == ["decided", "unsafe", "released"]
    assert "leader" not in world.snapshot().patroni and world.left == set()
    assert world.standbys["db2"].lines == []


def test_a_host_does_not_refuse_itself(world):
    world.standby("db1")
    world.store.order(Order("x", "db1", 1, "etcd1"), world.lease)
    for _ in range(3):
        world.standbys["db1"].once()
    assert not [script for script in world.standbys["db1"].scripts if "192.0.2.21" in script]


def test_nobody_refuses_whom_the_configuration_does_not_name(world):
    one = Standby("db2", world.new_store())
    world.store.order(Order("x", "db9", 1, "etcd1"), world.lease)
    one.once()
    assert one.lines.events() == ["error"] and not [script for script in one.scripts if "timeout" in script]


def test_ports_that_are_about_to_be_refused_are_known_before(world):
    one = Standby("db2", world.new_store())
    assert one.enforcer.refuses(world.snapshot()) == {None}
    world.store.order(Order("x", "db1", 1, "etcd1"), world.lease)
    assert "192.0.2.21" in one.enforcer.refuses(world.snapshot()) and one.scripts == []

"""The keys of the agents, in a real etcd with users: what is written, what is refused, what a transaction compares."""

import json
import threading

import pytest

from firedrill.deploy.on_host import etcd_users
from firedrill.fence import patroni
from firedrill.fence.gateway import Denied, Unavailable, decoded, encoded
from firedrill.fence.patroni import Leader
from firedrill.fence.store import LOCK, REFUSAL, Order, Store
from tests.fence.conftest import free_port

PATRONI, OURS = "/service/demo/", "/fence/demo/"
PASSWORD = "secret"
GRANTS = {
    "root": [],
    "judge": [
        {"prefix": PATRONI, "access": "READ"},
        {"key": PATRONI + "leader", "access": "WRITE"},
        {"key": PATRONI + "sync", "access": "WRITE"},
        {"prefix": OURS, "access": "READWRITE"},
    ],
    "proxy": [{"prefix": OURS, "access": "READ"}, {"prefix": OURS + "proxies/", "access": "WRITE"}],
}


@pytest.fixture(scope="module")
def gateways(etcd_url, client):
    """A client of each user."""
    found = {name: client(etcd_url, name, PASSWORD) for name in GRANTS}
    free = client(etcd_url)
    for name, grants in GRANTS.items():
        free.call("auth/role/add", {"name": name})
        for grant in grants:
            free.call("auth/role/grant", {"name": name, "perm": etcd_users.permission(**grant)})
        free.call("auth/user/add", {"name": name, "password": PASSWORD})
        free.call("auth/user/grant", {"user": name, "role": name})
    free.call("auth/enable", {})
    return found


@pytest.fixture
def root(gateways):
    """Patroni's keys of a healthy cluster; afterwards no keys at all."""
    gateway = gateways["root"]

    def put(name, value):
        gateway.call("kv/put", {"key": encoded(PATRONI + name), "value": encoded(value)})

    put("leader", "db1")
    put("sync", '{"leader":"db1","quorum":1,"sync_standby":"db2,db3"}')
    put("config", '{"synchronous_mode":"quorum"}')
    put("members/db2", '{"role":"replica","state":"streaming"}')
    yield put
    gateway.call("kv/deleterange", {"key": encoded("/"), "range_end": encoded("0")})


@pytest.fixture
def store(gateways, root):
    return Store(gateways["judge"], PATRONI, OURS)


def seen(store):
    return store.snapshot(patroni=True)


def leader_of(store):
    return patroni.cluster(seen(store).patroni).leader


def test_a_snapshot_has_all_keys_of_one_revision(store):
    lease = store.lease()
    store.put("votes/etcd1", {"state": "silent"}, lease)
    found = seen(store)
    cluster = patroni.cluster(found.patroni)
    assert cluster.leader.name == "db1" and cluster.sync.voters == ("db2", "db3") and cluster.sync.quorum == 1
    assert cluster.synchronous and not cluster.paused and cluster.members["db2"].state == "streaming"
    assert json.loads(found.fence["votes/etcd1"].value) == {"state": "silent"}
    assert store.snapshot(patroni=False).patroni == {}


def test_one_judge_has_the_lock_and_it_ends_with_its_lease(store, gateways):
    lease = store.lease()
    assert store.lock("etcd1", lease)
    assert store.lock("etcd2", store.lease()) is None
    gateways["judge"].call("lease/revoke", {"ID": lease})
    assert store.lock("etcd2", store.lease())
    assert not store.renew(lease)


def prepared(store):
    lease = store.lease()
    locked = store.lock("etcd1", lease)
    order = Order("x", "db1", leader_of(store).epoch, "etcd1")
    revision = store.order(order, lease)
    store.put("acks/db2", {"id": "x"}, lease)
    found = seen(store)
    same = {LOCK: locked, REFUSAL: revision, "acks/db2": found.fence["acks/db2"].changed}
    return found.patroni, same, Order("x", "db1", order.epoch, "etcd1", released=True, lease=store.lease(60))


def test_a_release_deletes_the_leader_key_bumps_sync_and_keeps_the_refusal(store):
    keys, same, order = prepared(store)
    assert store.release(keys, same, order)
    after = seen(store)
    assert "leader" not in after.patroni
    assert after.patroni["sync"].value == keys["sync"].value
    assert after.patroni["sync"].changed > keys["sync"].changed
    assert Order.of(after.fence[REFUSAL]) == order
    assert store.withdraw(after.fence[REFUSAL].changed) and REFUSAL not in seen(store).fence


CHANGES = {
    "another leader": lambda root, store: root("leader", "db2"),
    "the old leader shrinks /sync": lambda root, store: root("sync", '{"leader":"db1","quorum":0,"sync_standby":""}'),
    "a failover is asked for": lambda root, store: root("failover", '{"candidate":"db2"}'),
    "Patroni is paused": lambda root, store: root("config", '{"synchronous_mode":"quorum","pause":true}'),
    "the refusal is gone": lambda root, store: store.delete(REFUSAL),
    "the lock is gone": lambda root, store: store.delete(LOCK),
    "a standby accepts it again": lambda root, store: store.delete("acks/db2"),
    "a standby acknowledges anew": lambda root, store: store.put("acks/db2", {"id": "x"}, store.lease()),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_release_does_nothing_if_anything_has_changed(store, root, case):
    keys, same, order = prepared(store)
    CHANGES[case](root, store)
    before = seen(store)
    assert not store.release(keys, same, order)
    assert seen(store) == before


def test_a_release_does_nothing_if_the_same_host_has_a_new_leadership(store, root, gateways):
    keys, same, order = prepared(store)
    gateways["root"].call("kv/deleterange", {"key": encoded(PATRONI + "leader")})
    root("leader", "db1")
    assert not store.release(keys, same, order)


def test_an_older_leader_cannot_write_sync_after_the_release(store, gateways):
    """As Patroni does: on condition that nothing was written since it read the key."""
    keys, same, order = prepared(store)
    assert store.release(keys, same, order)
    key = encoded(PATRONI + "sync")
    body = {
        "compare": [
            {"key": key, "target": "MOD", "result": "EQUAL", "mod_revision": str(keys["sync"].changed)},
        ],
        "success": [{"request_put": {"key": key, "value": encoded("{}")}}],
    }
    assert not gateways["root"].call("kv/txn", body).get("succeeded")


def test_a_proxy_reads_and_writes_only_its_own(store, gateways):
    proxy = Store(gateways["proxy"], PATRONI, OURS)
    lease = proxy.lease()
    proxy.put("proxies/lb1", {"state": "unknown"}, lease)
    assert "proxies/lb1" in proxy.snapshot(patroni=False).fence
    for forbidden in (
        lambda: proxy.snapshot(patroni=True),
        lambda: proxy.put("votes/etcd1", {}, lease),
        lambda: proxy.put("acks/db2", {}, lease),
        lambda: proxy.order(Order("x", "db1", 1, "lb1"), lease),
    ):
        with pytest.raises(Denied, match="permission denied"):
            forbidden()


def test_a_wrong_password_is_an_error_that_does_not_show_it(etcd_url, gateways, client):
    with pytest.raises(Denied) as error:
        client(etcd_url, "judge", "guess").call("kv/range", {"key": encoded("a")})
    assert "login of judge" in str(error.value) and "guess" not in str(error.value)


def test_a_token_that_etcd_has_forgotten_is_renewed(store, gateways):
    gateways["judge"]._token = "of.before"
    assert leader_of(store).name == "db1"


def test_the_next_member_is_asked_if_one_does_not_answer(etcd_url, gateways, client):
    dead = f"http://127.0.0.1:{free_port()}"
    gateway = client([dead, etcd_url], "judge", PASSWORD)
    assert gateway.call("kv/range", {"key": encoded(PATRONI + "leader")})
    with pytest.raises(Unavailable, match="refused"):
        client(dead).call("kv/range", {"key": encoded("a")})


def test_a_change_ends_the_wait_of_a_watch(etcd_url, gateways, store, client):
    watching = client(etcd_url, "proxy", PASSWORD).watch(OURS + "refusal")
    next(watching)  # etcd confirms the watch
    later = threading.Timer(0.2, lambda: store.order(Order("x", "db1", 1, "etcd1"), store.lease()))
    later.start()
    next(watching)
    later.join()
    watching.close()


def test_encoding_is_base64():
    assert decoded(encoded("/a/é")) == "/a/é"


@pytest.mark.parametrize("value", ["", "[]", '{"id": 1}', '{"id":"x","leader":"db1","epoch":"1","by":"e"}', "x"])
def test_what_no_judge_has_written_is_no_order(value):
    assert Order.of(patroni.Key(value, 1, 1)) is None


def test_the_epoch_is_the_create_revision(store):
    found = seen(store).patroni["leader"]
    assert leader_of(store) == Leader("db1", found.created)

"""What a drill may change of an agent, only where drills are allowed, and that the agent says so."""

import json

import pytest

from firedrill.fence.block import Refusal
from firedrill.fence.config import Config, Invalid, load
from firedrill.fence.enforcer import Enforcer
from firedrill.fence.patroni import Key
from firedrill.fence.report import Report
from firedrill.fence.store import REFUSAL, Order, Snapshot

PLAIN = {
    "host": "db2", "mode": "power", "roles": ["witness"], "judges": ["etcd1", "etcd2", "etcd3"],
    "addresses": {"db1": "192.0.2.1", "db2": "192.0.2.2"}, "ports": [5432, 8008, 22],
    "refused_ports": {"postgres": 5432, "patroni": 8008}, "etcd": ["http://192.0.2.11:2379"],
    "patroni_prefix": "/service/x/", "prefix": "/fence/x/", "power": {"status": ["a"], "off": ["b"]},
}  # fmt: skip


@pytest.fixture
def configured(tmp_path):
    def of(drill=None, **data) -> Config:
        (tmp_path / "fence.json").write_text(json.dumps(PLAIN | {"chaos_allowed": True} | data))
        if drill is not None:
            (tmp_path / "drill.json").write_text(json.dumps(drill))
        return load(tmp_path / "fence.json", tmp_path / "drill.json")

    return of


def test_without_a_drill_nothing_is_changed(configured):
    assert configured().drilled is False


def test_what_a_drill_changes(configured):
    assert configured({"without_refusal": True}).without_refusal
    assert configured({"die_after": "released"}).die_after == "released"
    found = configured({"power": {"status": ["x"], "off": ["y", "z"]}})
    assert found.drilled and list(found.power["off"]) == ["y", "z"]


@pytest.mark.parametrize(
    ("drill", "data", "words"),
    [
        ({"without_refusal": True}, {"chaos_allowed": False}, "does not set chaos_allowed"),
        ({"misses": 2}, {}, "unknown key 'misses'"),
        ({"die_after": "lunch"}, {}, "the value of die_after cannot be used"),
        ({"power": {"status": ["x"]}}, {"roles": ["judge"]}, "the value of power cannot be used"),
    ],
)
def test_what_a_drill_may_not_change(configured, drill, data, words):
    with pytest.raises(Invalid, match=words):
        configured(drill, **data)


class Etcd:
    """A store that takes everything."""

    def put(self, *_: object) -> None:
        pass

    def delete(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("drill", "refuses"), [(None, True), ({"without_refusal": True}, False)])
def test_the_negative_control_leaves_out_the_refusal_on_the_standbys_too(configured, drill, refuses):
    scripts: list[str] = []
    config = configured(drill)
    report = Report("db2", write=lambda line: None)
    enforcer = Enforcer(config, Refusal(5432, 8008, run=scripts.append), report)
    order = Key(Order("id", "db1", 7, "etcd1").text, 9, 9)
    enforcer.follow(Snapshot({}, {REFUSAL: order}), Etcd(), "lease")
    assert any("192.0.2.1 timeout" in script for script in scripts) is refuses

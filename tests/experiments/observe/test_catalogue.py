"""The table of observers: which run, and how the `run` event lists them."""

from dataclasses import replace

import pytest

from firedrill import package
from firedrill.experiments.catalogue import EXPERIMENTS
from firedrill.experiments.model import Load
from firedrill.experiments.observe import catalogue
from firedrill.inventories.access import Access
from firedrill.inventories.errors import InventoryProblem, Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import NAMES, Secrets

USUAL = ["write_probe", "node_probe", "leadership", "members", "proxy", "address"]


@pytest.fixture(scope="module")
def lab() -> Access:
    return Access(read(package.file("inventories/lab.py")), Secrets(dict.fromkeys(NAMES, "x")))


def with_hosts(access: Access, *, proxies: bool = True, **data) -> Access:
    hosts = (host for host in access.inventory.hosts if proxies or "proxy" not in host.roles)
    changed = tuple(replace(host, data=host.data | data) for host in hosts)
    return replace(access, inventory=replace(access.inventory, hosts=changed))


def names(rows) -> list[str]:
    return [row.name for row in rows]


def test_a_run_has_the_usual_ones_those_requested_and_users_if_there_is_a_load(lab):
    assert names(catalogue.of_run(lab, Load(rates={}), ())) == USUAL
    assert names(catalogue.of_run(lab, Load(), ("tcp",))) == [*USUAL, "tcp", "users"]


def test_a_cluster_with_a_fence_has_one_of_it_on_every_host_with_an_agent(lab):
    fenced = with_hosts(lab, fence="quorum")
    (row,) = [row for row in catalogue.usual(fenced) if row.name == "fence"]
    agents = [host.name for host in lab.inventory.hosts if "app" not in host.roles and "monitor" not in host.roles]
    assert row.names(fenced) == agents
    assert "fence" not in catalogue.left_out(lab)


def test_an_unknown_one_cannot_be_requested(lab):
    with pytest.raises(Problem, match="unknown observer 'udp'"):
        catalogue.of_run(lab, Load(), ("udp",))


def test_every_experiment_requests_known_observers(lab):
    for experiment in EXPERIMENTS.values():
        assert set(experiment.observers) <= set(catalogue.all_of(lab)), experiment.name


def test_without_proxies_theirs_is_left_out(lab):
    without = with_hosts(lab, proxies=False)
    assert catalogue.left_out(without) == ["proxy", "address"]
    assert names(catalogue.usual(without)) == USUAL[:-2]


def test_without_a_floating_address_nobody_looks_for_its_holder(lab):
    assert catalogue.left_out(with_hosts(lab, vip=None)) == ["address"]


def test_an_inventory_can_leave_out_the_proxies_and_nothing_else(lab):
    assert catalogue.left_out(lab) == []
    assert catalogue.left_out(with_hosts(lab, unobserved=["proxy"])) == ["proxy"]
    with pytest.raises(InventoryProblem, match="names 'node_probe': it can name proxy, address"):
        catalogue.left_out(with_hosts(lab, unobserved=["node_probe"]))


def test_the_run_event_lists_each_with_the_hosts_that_it_must_report_on(lab):
    rows = {row["name"]: row for row in catalogue.described(catalogue.of_run(lab, Load(), ("tcp",)), lab)}
    assert rows["write_probe"] == {"name": "write_probe", "interval_ms": 600, "hosts": None, "required": True}
    assert rows["node_probe"]["hosts"] == rows["members"]["hosts"] == ["db1", "db2", "db3"]
    assert rows["proxy"]["hosts"] == ["lb1", "lb2"]
    assert len(rows["tcp"]["hosts"]) == len(lab.inventory.hosts)
    assert (rows["users"]["hosts"], rows["leadership"]["hosts"]) == (None, None)


# -- what the doctor says of first samples ------------------------------------------------------------------


def found(lab, name, *events):
    return catalogue.all_of(lab)[name].check(lab, events)


def test_of_the_write_probe_an_acknowledged_write(lab):
    acked = {"outcome": "acked", "start": 0, "t": 4_000_000, "server": "db1", "error": None}
    works, text = found(lab, "write_probe", acked)
    assert works and "acknowledged by db1, median 4.0 ms" in text
    refused = acked | {"outcome": "failed", "error": "connect: refused"}
    assert found(lab, "write_probe", refused) == (False, "connect: refused")


def test_of_the_node_probe_one_primary_and_an_answer_of_every_node(lab):
    def write(host, outcome, readonly=False):
        return {"host": host, "outcome": outcome, "readonly": readonly, "error": None}

    events = [write("db1", "acked"), write("db2", "failed", True), write("db3", "failed", True)]
    assert found(lab, "node_probe", *events) == (True, "db1 accepts writes; db2 read-only; db3 read-only")
    assert not found(lab, "node_probe", *events[:2])[0]
    assert not found(lab, "node_probe", *events[1:], write("db1", "failed", True))[0]
    assert not found(lab, "node_probe", *events, write("db2", "acked"))[0]


def test_of_the_proxies_the_backend_for_writes(lab):
    def server(host, purpose="write", status="UP"):
        return {"host": host, "purpose": purpose, "server": "db1", "status": status, "error": None}

    works, text = found(lab, "proxy", server("lb1"), server("lb2", status="DOWN"))
    assert (works, text) == (True, "lb1 sends writes to db1; lb2 sends writes to nobody")
    stranger = server("lb2") | {"server": "pg-x"}
    assert found(lab, "proxy", server("lb1"), stranger)[1].endswith(
        "; not in the inventory, or not known by these names: pg-x"
    )
    other = server("lb2", purpose=None) | {"backend": "pgsql"}
    assert found(lab, "proxy", server("lb1"), other) == (
        False,
        "lb1 sends writes to db1; lb2: no backend 'postgres_write', it has pgsql: name it in `haproxy_backends`",
    )
    silent = server("lb2", purpose=None) | {"error": "HTTP 502"}
    assert found(lab, "proxy", server("lb1"), silent)[1].endswith("lb2: HTTP 502")
    assert found(lab, "proxy", server("lb1"))[1].endswith("lb2: no sample")


def test_of_the_members_that_each_is_reachable(lab):
    def member(host, **more):
        return {"host": host, "reachable": True, "role": "replica", "error": None} | more

    events = [member("db1", role="primary"), member("db2")]
    assert found(lab, "members", *events, member("db3")) == (True, "db1 primary; db2 replica; db3 replica")
    gone = member("db3", reachable=False, error="refused")
    assert found(lab, "members", *events, gone) == (False, "db1 primary; db2 replica; db3 refused")
    assert found(lab, "members", *events) == (False, "db1 primary; db2 replica; db3 no sample")


def test_of_the_floating_address_one_holder(lab):
    def holder(host, holds=True, **more):
        return {"host": host, "holds": holds, "reachable": True, "error": None} | more

    assert found(lab, "address", holder("lb1"), holder("lb2", False)) == (True, "lb1 holds 10.77.0.100")
    assert found(lab, "address", holder("lb1"), holder("lb2")) == (False, "lb1 and lb2 holds 10.77.0.100")
    assert found(lab, "address", holder("lb1", False), holder("lb2", False)) == (False, "nobody holds 10.77.0.100")
    silent = holder("lb2", None, reachable=False, error="refused")
    assert found(lab, "address", holder("lb1"), silent) == (False, "lb2: refused")
    assert found(lab, "address", holder("lb1")) == (False, "lb2: no sample")


def test_of_the_leadership_a_watch_and_a_holder(lab):
    leads = {"kind": "leadership", "holder": "db1"}
    alive = {"kind": "alive", "endpoint": "10.77.0.11:2379"}
    assert found(lab, "leadership", leads, alive) == (
        True,
        "db1 holds the leader key, according to 10.77.0.11:2379",
    )
    assert found(lab, "leadership", leads) == (False, "no member allows a watch")
    refused = {"kind": "unreachable", "endpoint": "10.77.0.11:2379", "error": "InvalidAuth: wrong password"}
    assert found(lab, "leadership", refused)[1] == (
        "no member allows a watch (10.77.0.11:2379: InvalidAuth: wrong password)"
    )
    assert "no leader key below /service/firedrill/" in found(lab, "leadership", alive)[1]

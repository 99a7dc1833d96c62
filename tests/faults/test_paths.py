"""A cut is of hosts, not of one address each: which addresses are found, what is probed, what counts as open."""

from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from firedrill.cluster.patroni.system import Patroni
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.network import addresses, cut, firewall, paths, peers
from firedrill.faults.programs import links
from firedrill.faults.protocol import NotEffective, Refused, Target
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets

CONTROLLER = "10.77.0.1"
HOSTS = ("etcd1", "etcd2", "etcd3", "lb1", "lb2", "app1", "app2")
BOOK = {name: ["172.17.0.1"] for name in HOSTS} | {
    "db1": ["10.77.0.21", "10.9.0.21", "fd00::21", "172.17.0.1"],
    "db2": ["10.77.0.22", "10.9.0.22", "fd00::22", "172.17.0.1"],
    "db3": ["10.77.0.23"],
}


@pytest.fixture(scope="module")
def ways() -> Access:
    return Access(read(), Secrets())


@pytest.fixture
def target(ways) -> Target:
    noted = {addresses.NOTE: {"hosts": BOOK, "controller": CONTROLLER}}
    return Target("0badcafe", "db1", ways.inventory["db1"], ways, 60, connection=object(), before=noted)


def test_a_host_lists_its_addresses_between_whatever_a_banner_prints():
    shown = (
        "*** Authorised ***\ncontroller 10.77.0.1\n"
        '[{"ifname":"lo","addr_info":[{"local":"127.0.0.1"}]},{},{"addr_info":[{"local":"10.9.0.21"},'
        '{"local":"fd00::21"},{"local":"fe80::1"},{"local":"10.9.0.21"}]}]\n[{broken'
    )
    assert addresses.parse(shown) == addresses.Answer(("10.9.0.21", "fd00::21"), "10.77.0.1")
    assert addresses.parse("") == addresses.Answer()


def test_a_peer_is_all_its_addresses_without_those_that_the_host_has_too(target):
    assert peers.addresses(target, "db2") == ["10.77.0.22", "10.9.0.22", "fd00::22"]
    assert peers.addresses(target, "") == ["10.77.0.22", "10.9.0.22", "fd00::22", "10.77.0.23"]
    assert peers.names(target, peers.addresses(target, "")) == "db2 (3 addresses), db3"
    assert FAULTS["partition"](peers="db2").cuts(target)[0].addresses == ("10.77.0.22", "10.9.0.22", "fd00::22")


def test_hosts_and_cluster_are_asked_once_for_an_injection_of_several(ways, monkeypatch):
    asked = []

    def answer(host):
        asked.append(host.name)
        return addresses.Answer(("10.9.0.22", "127.0.0.1") if host.name == "db2" else (), CONTROLLER)

    monkeypatch.setattr(addresses, "_asked", answer)
    monkeypatch.setattr(addresses, "_known", {})
    monkeypatch.setattr(Patroni, "endpoints", lambda self, access: {"db2": ["db2.internal", "fd00::22"]})
    monkeypatch.setattr(addresses.ssh, "sh", lambda *words, **more: "10.9.0.122\n")
    found = [
        peers.addresses(Target("0badcafe", name, ways.inventory[name], ways, 60, connection=object()), "db2")
        for name in ("db1", "db3")
    ]
    assert found == [["10.77.0.22", "10.9.0.22", "10.9.0.122", "fd00::22"]] * 2
    assert len(asked) == len(ways.inventory.hosts)


def test_a_peer_without_any_address_is_refused(target):
    """Its name is in the inventory, and nobody resolves it: it would be left alone in silence."""
    noted = {"hosts": BOOK | {"db3": []}, "controller": CONTROLLER}
    with pytest.raises(Refused, match="db1: no address of db3 is known"):
        peers.addresses(replace(target, before={addresses.NOTE: noted}), "db2,db3")


def test_an_address_is_only_itself(target):
    assert peers.addresses(target, "10.9.0.22, 10.1.2.3/16") == ["10.9.0.22", "10.1.0.0/16"]
    with pytest.raises(Refused, match="are db1 itself"):
        peers.addresses(target, "10.9.0.21")


def test_the_host_of_the_controller_is_exempt_on_all_its_addresses(target):
    noted = {"hosts": BOOK | {"db3": [*BOOK["db3"], CONTROLLER]}, "controller": CONTROLLER}
    target = replace(target, before={addresses.NOTE: noted})
    assert "10.77.0.23" not in peers.addresses(target, "")
    with pytest.raises(Refused, match="the host of this controller"):
        peers.addresses(target, "db3")


def test_without_a_connection_there_is_only_the_inventory(ways):
    target = Target("0badcafe", "db1", ways.inventory["db1"], ways, 60)
    assert peers.addresses(target, "db2") == [ways.inventory["db2"].address]


@pytest.mark.parametrize(("given", "probed"), [
    (["10.77.0.22"], ["10.77.0.22"]),
    (["10.77.0.0/24"], ["10.77.0.22", "10.77.0.23"]),
    (["10.5.0.0/16", "fd00::/64"], ["fd00::22", "10.5.0.1"]),
])  # fmt: skip
def test_a_network_is_probed(target, given, probed):
    """At the hosts in it, and where none is known at its first address, so that a packet meets the rule."""
    book = addresses.book(target)
    assert paths._probed(book, target, given, peers.covered(target, given)) == probed


@pytest.mark.parametrize(("port", "refused"), [(22, "22"), (2222, "2222")])
def test_the_port_of_ssh_is_the_hosts_own(ways, target, monkeypatch, port, refused):
    monkeypatch.setattr(firewall, "need", lambda *words: None)
    monkeypatch.setattr("firedrill.faults.capability.need_root", lambda target: None)
    host = replace(target.host, data=target.host.data | {"ssh_port": port})
    there = replace(target, host=host)
    with pytest.raises(Refused, match=f"port {refused} is db1's SSH"):
        FAULTS["drop"](ports=refused).refuse(there)
    FAULTS["drop"](ports="2222" if refused == "22" else "22").refuse(there)


def test_a_port_may_have_its_name_of_the_inventory(target):
    assert peers.ports_of(target, "patroni, 5432,postgres") == ["8008", "5432"]
    assert FAULTS["drop"](peers="db2", ports="patroni").cuts(target)[0].ports == ("8008",)
    with pytest.raises(Refused, match="no port 'http_alt': give numbers, or one of .*patroni"):
        peers.ports_of(target, "http_alt")


# What ss prints: an IPv4 connection in IPv6 clothes, one over a second network, SSH, the controller's, a stranger's.
SS = """\
0 0 [::ffff:10.77.0.21]:5432 [::ffff:10.77.0.22]:40000
\t cubic rto:204 segs_out:9 segs_in:{0} data_segs_in:1
0 0 10.9.0.21:5432 10.9.0.22:40001 uid:1
\t cubic segs_out:9 segs_in:{0}
0 0 10.77.0.21:22 10.77.0.22:50000
\t cubic segs_in:{0}
0 0 10.77.0.21%host0:8008 10.77.0.1:50001
\t cubic segs_in:{0}
0 0 10.77.0.21:9100 192.0.2.9:50002
\t cubic segs_in:{0}
0 0 [fd00::21]:9100 [fd00::22]:50003
\t cubic no counter here
"""


@pytest.mark.parametrize(("ports", "seen"), [([], 2), ([5432], 2), ([9999], 0)])
def test_connections_with_the_others_are_told_from_the_rest(monkeypatch, ports, seen):
    monkeypatch.setattr(links.subprocess, "run", lambda *words, **more: SimpleNamespace(stdout=SS.format(7)))
    given = {"far": ["10.0.0.0/8", "fd00::22"], "spared": ["10.77.0.1"], "ports": ports, "exempt": [22]}
    found = links.connections(given)
    assert len(found) == seen
    assert set(found.values()) <= {7}
    if seen:
        assert "10.9.0.21 port 5432, 10.9.0.22 port 40001" in found


@pytest.mark.parametrize(("second", "moved", "alive"), [(7, False, 0), (8, False, 2), (8, True, 1)])
def test_a_connection_on_which_packets_arrive_is_alive(monkeypatch, second, moved, alive):
    shown = iter([SS.format(7), SS.format(7), SS.format(second)])  # the first is to see whether the kernel counts
    monkeypatch.setattr(links.subprocess, "run", lambda *words, **more: SimpleNamespace(stdout=next(shown)))
    monkeypatch.setattr(links, "own", lambda address: address == "10.9.0.22" and moved)
    given = {"far": ["10.0.0.0/8"], "spared": ["10.77.0.1"], "ports": [], "exempt": [22], "probe": [], "seconds": 0}
    found = links.look(given)
    assert (len(found["alive"]), found["connections"]) == (alive, 2)


def test_a_kernel_that_does_not_count_is_said(monkeypatch):
    monkeypatch.setattr(links.subprocess, "run", lambda *words, **more: SimpleNamespace(stdout=""))
    given = {"far": ["10.0.0.0/8"], "spared": [], "ports": [], "exempt": [], "probe": [], "seconds": 0}
    assert links.look(given) == {"answers": [], "alive": [], "connections": None}


def test_probes_end_as_they_should():
    with links.socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert [row[2] for row in links.connect([("127.0.0.1", port)], 1)] == ["connected"]
    assert [row[2] for row in links.connect([("127.0.0.1", port)], 1)] == ["ECONNREFUSED"]


QUIET = {"answers": [["10.77.0.22", 5432, "silence", 400]], "alive": [], "connections": 3}
OPEN = (
    ({"answers": [["10.9.0.22", 5432, "connected", 1]]}, r"db2 \(10.9.0.22\), port 5432, answers db1"),
    ({"answers": [["fd00::22", 0, "answered", 1]]}, r"db2 \(fd00::22\) answers db1"),
    ({"alive": ["10.77.0.21 port 5432, 10.5.5.5 port 4"]}, r"a connection of db1 goes on \(10.77.0.21 port 5432, 10.5"),
)


@pytest.mark.parametrize(("more", "why"), [({}, None), *OPEN])
def test_a_cut_with_an_open_path_is_not_effective(monkeypatch, target, more, why):
    question = paths.Question("db1", object(), [], [], {one: "db2" for one in BOOK["db2"]})
    seen = paths._seen([(question, QUIET | more)], [])
    monkeypatch.setattr(cut.paths, "look", lambda *words, **given: seen)
    monkeypatch.setattr(cut.firewall, "hits", lambda target: 12)
    fault = FAULTS["drop"](peers="db2", ports="5432")
    if why:
        with pytest.raises(NotEffective, match=f"db1: {why}"):
            fault.prove(target)
    else:
        said = "db1: cut off from db2 (3 addresses): 12 packets hit, 3 connections silent; TCP: silence after 400 ms"
        assert fault.prove(target) == said


def test_a_peer_that_cannot_look_is_named(monkeypatch, target):
    """The target's own look must succeed."""

    def ask(connection, **given):
        if connection is not target.connection:
            raise Problem("python3: not found", "")
        return QUIET

    @contextmanager
    def connected(hosts):
        yield {host.name: object() for host in hosts}

    monkeypatch.setattr(paths, "ask", ask)
    monkeypatch.setattr(paths, "connected", connected)
    monkeypatch.setattr(paths.ssh, "answers", lambda *words: True)
    monkeypatch.setattr(cut.firewall, "hits", lambda target: 12)
    assert FAULTS["partition"]().prove(target).endswith("; from this end only, for db2, db3")


def test_a_host_without_ss_and_ping_does_what_it_can(monkeypatch):
    def absent(*words, **more):
        raise FileNotFoundError(words[0][0])

    monkeypatch.setattr(links.subprocess, "run", absent)
    monkeypatch.setattr(links.subprocess, "Popen", absent)
    given = {"far": ["10.0.0.0/8"], "spared": [], "ports": [], "exempt": [], "probe": [["192.0.2.1", 0]], "seconds": 0}
    found = links.look(given)
    assert [row[2] for row in found["answers"]] == ["silence"]
    assert found["connections"] is None


def test_an_address_that_has_moved_to_the_host_is_no_path():
    """A floating address, which the host takes over while it is cut off from its holder."""
    with links.socket.create_server(("127.0.0.1", 0)) as server:
        there = {"far": [], "spared": [], "ports": [], "exempt": [], "seconds": 0.2}
        assert links.look(there | {"probe": [["127.0.0.1", server.getsockname()[1]]]})["answers"] == []


def test_rules_that_no_packet_met_prove_nothing(monkeypatch, target):
    monkeypatch.setattr(cut.paths, "look", lambda *words, **given: paths.Seen([], 0, "", []))
    monkeypatch.setattr(cut.firewall, "hits", lambda target: 0)
    with pytest.raises(NotEffective, match="its rules matched no packet"):
        FAULTS["partition"]().prove(target)


def test_chaosblade_refuses_what_it_would_leave_alone(monkeypatch, target):
    monkeypatch.setattr("firedrill.faults.capability.need", lambda *words: None)
    monkeypatch.setattr("firedrill.faults.backends.blade.need", lambda *words: None)
    with pytest.raises(Refused, match="chaosblade affects IPv4 only, its peers are fd00::22, too"):
        FAULTS["delay"](peers="db2", backend="chaosblade").refuse_host(target)


def test_netem_treats_each_address_by_its_family(target):
    known = replace(target, before=target.before | {"netem": {"device": "eth0"}})
    text = FAULTS["delay"](peers="db2", ports="5432", direction="both").inject_text(known)
    for side in ("dst", "src"):
        assert f"match ip {side} 10.9.0.22 match ip protocol 6 0xff match ip sport 5432 0xffff" in text
        assert f"protocol ipv6 pref $m6 u32 match ip6 {side} fd00::22 match ip6 protocol 6" in text
        assert f'[ -z "$c6" ] || tc filter add dev eth0 parent {"fd0d:" if side == "dst" else "ffff:"}' in text
    assert "ip6" not in FAULTS["delay"](peers="db3").inject_text(known)

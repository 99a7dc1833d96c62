"""A cut is of connections: over a second network, over IPv6, and over a path that nobody lists."""

import pytest

from firedrill.faults import ledger
from firedrill.faults.protocol import NotEffective
from tests.faults.conftest import journals, until

pytestmark = pytest.mark.lab("net")
SECOND = "172.16"  # on the bridge of the lab, which ends there
NEAR, FAR = {"4": f"{SECOND}.1.11", "6": "fd0d::11"}, {"4": f"{SECOND}.1.12", "6": "fd0d::12"}
HIDDEN = f"{SECOND}.9.12"
# Both ends add their own of each network; etcd1 serves on port 7788 whoever asks, on any address.
ADD = "ip addr add {0}/24 dev host0; ip -6 addr add {1}/64 dev host0 nodad"
REMOVE = "ip addr del {0}/24 dev host0; ip -6 addr del {1}/64 dev host0"
SERVE = (
    "systemd-run --quiet --collect --unit=echo python3 -c 'import socketserver\n"
    "class Echo(socketserver.StreamRequestHandler):\n"
    "  def handle(self):\n    for line in self.rfile: self.wfile.write(line)\n"
    "class Server(socketserver.ThreadingTCPServer):\n  address_family = 10\n"
    'Server(("::", 7788), Echo).serve_forever()\''
)
# A connection that says something ten times a second and counts the answers in a file.
TALK = (
    "systemd-run --quiet --collect --unit=talk-{name} python3 -c 'import socket, time\n"
    'link = socket.create_connection(("{to}", 7788), source_address=("{source}", 0))\n'
    "for count in range(10**6):\n"
    '  link.send(b"x\\n"); link.recv(9); open("/run/talk-{name}", "w").write(str(count)); time.sleep(0.1)\''
)


@pytest.fixture(scope="module", autouse=True)
def second_network(on):
    on("etcd1", ADD.format(*NEAR.values()), check=True)
    on("etcd2", ADD.format(*FAR.values()), check=True)
    on("etcd1", SERVE, check=True)
    yield
    on("etcd2", REMOVE.format(*FAR.values()))
    on("etcd1", f"systemctl stop echo; {REMOVE.format(*NEAR.values())}")


@pytest.fixture
def talk(on):
    """Connections from etcd2 that were there before: `talk(name, to, source)`; afterwards `talk.goes_on(name)`."""

    class Talk:
        names: list[str] = []

        def __call__(self, name: str, to: str, source: str) -> None:
            self.names.append(name)
            on("etcd2", TALK.format(name=name, to=to, source=source), check=True)
            until(lambda: self.goes_on(name), 10)

        def goes_on(self, name: str) -> bool:
            first, second = on("etcd2", f"cat /run/talk-{name}; echo; sleep 0.6; cat /run/talk-{name}").split() or "00"
            return first != second

    it = Talk()
    yield it
    for name in it.names:
        on("etcd2", f"systemctl stop talk-{name}; rm -f /run/talk-{name}")


@pytest.mark.parametrize(("name", "given"), [
    ("partition", {"peers": "etcd2"}),
    ("drop", {"peers": "etcd2", "ports": "7788"}),
    ("drop", {"ports": "7788", "direction": "in"}),
    ("reject", {"peers": "etcd2", "ports": "7788"}),
])  # fmt: skip
def test_connections_over_every_network_are_dead(inject, heal, told, on, talk, name, given):
    for family in ("4", "6"):
        talk(f"{name}-{family}", NEAR[family], FAR[family])
    entries = inject(name, "etcd1", **given)
    assert "etcd2 (3 addresses)" in told.of("effective")[0]
    assert not any(talk.goes_on(f"{name}-{family}") for family in ("4", "6"))
    heal(entries)
    if name != "reject":
        for family in ("4", "6"):
            until(lambda family=family: talk.goes_on(f"{name}-{family}"), 20)
    assert "all as before" in told.of("clean")[0]
    assert journals(on, "etcd1") == ""


def test_a_path_that_nobody_lists_makes_it_not_effective(inject, told, on, talk, ways):
    """An address that the peer uses and does not list (its scope is `host`): its connection goes on."""
    on("etcd2", f"ip addr add {HIDDEN}/32 dev lo scope host")
    on("etcd1", f"ip route add {HIDDEN} dev host0")
    try:
        talk("hidden", NEAR["4"], HIDDEN)
        with pytest.raises(NotEffective, match=rf"a connection of etcd2 goes on \({HIDDEN} port \d+, {NEAR['4']}"):
            inject("partition", "etcd1", peers="etcd2")
        assert told.of("clean")
        assert ledger.entries(ways.inventory) == []
        assert "FD-" not in on("etcd1", "iptables -S; ip6tables -S")
    finally:
        on("etcd2", f"ip addr del {HIDDEN}/32 dev lo")
        on("etcd1", f"ip route del {HIDDEN}")


def test_a_network_as_peer_is_probed_and_cut(inject, heal, told, talk):
    talk("network", NEAR["4"], FAR["4"])
    entries = inject("drop", "etcd1", peers=f"{SECOND}.1.0/24")
    assert f"cut off from {SECOND}.1.0/24: " in told.of("effective")[0]
    assert not talk.goes_on("network")
    heal(entries)

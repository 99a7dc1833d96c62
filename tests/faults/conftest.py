"""Three small hosts with etcd on each, shared by all tests of faults that need any."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firedrill.cluster import ssh
from firedrill.cluster.patroni import coordinator
from firedrill.faults import engine, ledger, undo
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.ledger import Entry
from firedrill.inventories.access import Access
from firedrill.inventories.read import Host, read
from firedrill.inventories.secrets import Secrets
from tests.labs import ROOT, WITH_US, place

# While other tests run at the same time, everything may take so many times as long as on a quiet machine.
PATIENCE = 3
HOSTS = ("etcd1", "etcd2", "etcd3")
ETCD = """\
cat > /etc/default/etcd <<EOF
ETCD_NAME={name}
ETCD_DATA_DIR=/var/lib/etcd/t
ETCD_LISTEN_PEER_URLS=http://{address}:2380
ETCD_LISTEN_CLIENT_URLS=http://{address}:2379,http://127.0.0.1:2379
ETCD_INITIAL_ADVERTISE_PEER_URLS=http://{address}:2380
ETCD_ADVERTISE_CLIENT_URLS=http://{address}:2379
ETCD_INITIAL_CLUSTER={cluster}
EOF
mkdir -p /etc/systemd/system/etcd.service.d
cat > /etc/systemd/system/etcd.service.d/online.conf <<EOF
[Unit]
Wants=network-online.target
After=network-online.target
EOF
systemctl daemon-reload
systemctl enable --quiet etcd 2>/dev/null; systemctl start --no-block etcd
"""
# A service that takes connections on port 7777 and is soon back when it died, or its host did.
GREETER = """\
cat > /root/greeter.py <<'EOF'
import socket, time
it = socket.create_server(("", 7777))
while True:
    try:
        link = it.accept()[0]
    except OSError:
        time.sleep(0.05)
        continue
    link.send(b"taken")
    link.close()
EOF
cat > /etc/systemd/system/greeter.service <<'EOF'
[Unit]
StartLimitIntervalSec=0
[Service]
Restart=always
RestartSec=100ms
ExecStart=python3 /root/greeter.py
[Install]
WantedBy=multi-user.target
EOF
systemctl daemon-reload; systemctl enable --quiet --now greeter
"""


@pytest.fixture(scope="package")
def net(like_lab, lab_up) -> Iterator[Path]:
    """The inventory file of hosts etcd1 to etcd3, up."""
    with lab_up(like_lab(*place("net"), only=HOSTS, data={"tls": False})) as file:
        yield file


@pytest.fixture(scope="package")
def ways(net) -> Access:
    """The ways into them, with etcd up and deciding."""
    inventory = read(net)
    cluster = ",".join(f"{host.name}=http://{host.address}:2380" for host in inventory.hosts)
    for host in inventory.hosts:
        with login(host) as connection:
            ssh.script(connection, ETCD.format(name=host.name, address=host.address, cluster=cluster) + GREETER)
    found = Access(inventory, Secrets())
    until(lambda: coordinator.has_quorum(found), 20)
    return found


@pytest.fixture(scope="package")
def on(ways) -> Callable[..., str]:
    """Run a shell text on a host: `on("etcd1", "ls")`."""

    def run(name: str, text: str, check: bool = False, seconds: float = ssh.COMMAND_SECONDS) -> str:
        with login(ways.inventory[name]) as connection:
            return ssh.script(connection, text, check=check, seconds=seconds)

    return run


class Told(list):
    """What was told, as (host, fault, phase, detail)."""

    def __call__(self, entry: Entry, phase: str, detail: str, t: int | None) -> None:
        self.append((entry.host, entry.fault, phase, detail))

    def of(self, phase: str) -> list[str]:
        return [detail for _, _, found, detail in self if found == phase]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def inject(ways, told) -> Callable[..., list[Entry]]:
    """Inject in this process: `inject("drop", "etcd1", peers="etcd2")`. All is healed afterwards, and must be clean."""

    def run(name: str, spec: str = "etcd1", limit_s: float = 60, max_hosts: int = 3, **given) -> list[Entry]:
        plan = engine.plan(
            FAULTS[name](**given), spec, ways, limit_s=limit_s, max_hosts=max_hosts, allow_quorum_loss=True
        )
        return engine.inject(plan, ways, told)

    yield run
    for entry in ledger.entries(ways.inventory):
        engine.heal(entry, ways, told)


@pytest.fixture
def heal(ways, told) -> Callable[[list[Entry]], None]:
    def run(entries: list[Entry]) -> None:
        for entry in entries:
            engine.heal(entry, ways, told)

    return run


@pytest.fixture
def controller(net, ways, told) -> Callable[..., subprocess.Popen]:
    """A controller in a process of its own, which injects one after the other, prints `done` and waits to be killed.

    With a `step` it waits there instead, and is there when this returns. What it leaves is healed afterwards.
    """
    started = []

    def start(*injections: list, step: str = "") -> subprocess.Popen:
        child = start_controller(net, injections, step)
        started.append(child)
        if step:
            wait_for_step(child, step)
        return child

    yield start
    for child in started:
        child.kill()
        child.wait()
        child.stdout.close()
    for entry in ledger.entries(ways.inventory):
        engine.heal(entry, ways, told)


def start_controller(inventory: Path, injections, step: str = "") -> subprocess.Popen:
    """A process of tests/faults/controller.py."""
    command = [*WITH_US, sys.executable, Path(__file__).with_name("controller.py"), inventory, json.dumps(injections)]
    words = [*map(str, command), *([step] if step else [])]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def wait_for_step(child: subprocess.Popen, step: str) -> None:
    """Read what the controller prints, until it is at the step."""
    lines = []
    for line in child.stdout:
        lines.append(line.strip())
        if lines[-1] == f"at {step}":
            return
    raise AssertionError(f"the controller ended before {step}: {lines}")


def login(host: Host) -> ssh.Connection:
    """An open connection, asked for to a deadline: on a busy machine a login may take longer than one is given."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return ssh.connect(host)
        except ssh.Unreachable:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def until(true: Callable[[], bool], seconds: float) -> None:
    """Poll to a deadline, which is that of a quiet machine; a host that does not let us in right now is asked again."""
    deadline = time.monotonic() + PATIENCE * seconds
    while not _so(true):
        assert time.monotonic() < deadline, f"not so within {PATIENCE} x {seconds} s"
        time.sleep(0.2)


def _so(true: Callable[[], bool]) -> bool:
    try:
        return true()
    except ssh.Unreachable:
        return False


def journals(on, host: str) -> str:
    return on(host, f"ls {undo.FOLDER}; systemctl list-units --all --plain --no-legend 'faults-*'")

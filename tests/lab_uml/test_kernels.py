"""Hosts with a kernel of their own, and what only they can show; two of them and a container on one bridge."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firedrill.deploy import watchdog
from firedrill.inventories.read import read
from firedrill.lab import cgroups, core, image, paths, providers, uml
from tests.labs import ROOT, place

pytestmark = pytest.mark.lab("uml")
NAME, SUBNET = place("uml")
INVENTORY = f"""
def _host(name, last, **data):
    return name, {{"ssh_hostname": f"{SUBNET}.{{last}}", "memory_mib": 256}} | data

etcd = [_host("u1", 11), _host("u2", 12), _host("n1", 13, provider="nspawn")]
all = (etcd, {{
    "lab": {{"name": "{NAME}", "provider": "uml", "bridge": "fd{NAME}", "address": "{SUBNET}.1/24"}},
}})
"""
RECEIVE = """
import hashlib, socket
listener = socket.create_server(("", 9000))
open("/tmp/listening", "w").close()
connection, _ = listener.accept()
digest, size = hashlib.sha256(), 0
while block := connection.recv(65536):
    digest.update(block)
    size += len(block)
print(size, digest.hexdigest())
"""
SEND = """
import hashlib, random, socket, sys, time
data = random.Random(1).randbytes(int(sys.argv[2]))
began = time.monotonic()
with socket.create_connection((sys.argv[1], 9000)) as connection:
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)
print(len(data), hashlib.sha256(data).hexdigest(), time.monotonic() - began)
"""
STARVE_SECONDS = 2
# Opened, set to so many seconds, and never fed again.
STARVE = f"""
import fcntl, os, struct, time
watchdog = os.open("/dev/watchdog", os.O_WRONLY)
fcntl.ioctl(watchdog, 0xC0045706, struct.pack("i", {STARVE_SECONDS}))
time.sleep(60)
"""


LET_GO = STARVE.replace("time.sleep(60)", 'os.write(watchdog, b"V")')


@pytest.fixture(scope="module")
def inventory(own_kernels, inventory_file):
    return inventory_file(INVENTORY, NAME)


@pytest.fixture(scope="module")
def up(inventory, lab_up):
    with lab_up(inventory) as file:
        yield file


@pytest.fixture(scope="module")
def run(up):
    """Run a shell text on a host: `run("u1", "hostname")`."""

    hosts, folder = core.Lab(read(up)), paths.STATE / NAME
    options = ("BatchMode=yes", f"UserKnownHostsFile={folder / 'known_hosts'}", "LogLevel=ERROR", "ConnectTimeout=5")
    ssh = ["ssh", "-i", str(folder / "ssh_key"), *(word for option in options for word in ("-o", option))]

    def on(host: str, text: str, seconds: float = 60) -> str:
        done = subprocess.run(
            [*ssh, f"root@{hosts[host].address}", text], capture_output=True, text=True, timeout=seconds, check=False
        )
        assert done.returncode == 0, f"{host}: {text}: {done.stderr}"
        return done.stdout.strip()

    return on


def lab_verb(command, inventory, *words: str) -> str:
    done = command("lab", "-i", inventory, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def states(command, inventory) -> dict[str, str]:
    return {row["name"]: row["state"] for row in json.loads(lab_verb(command, inventory, "status", "--json"))}


def wait_for(what: str, true, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what}: not so after {seconds:g} s"
        time.sleep(0.1)


def answers(run, source: str, address: str) -> None:
    """Wait until it does: a kernel just resumed answers the question for its link address late on a busy machine."""
    run(source, f"for try in $(seq 20); do ping -c1 -W1 {address} && exit 0; sleep 0.2; done; exit 1")


def came_back(command, up, host: str, first: int) -> bool:
    return uml.init(core.Lab(read(up))[host]) not in (None, first) and states(command, up)[host] == "running"


def run_for(guest) -> float:
    """Seconds since its kernel was started."""
    began = int(Path(f"/proc/{uml.init(guest)}/stat").read_text().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - began / os.sysconf("SC_CLK_TCK")


def counters(run, host: str) -> dict[str, int]:
    lines = [line.split() for line in run(host, "cat /proc/net/snmp").splitlines()]
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return {
        f"{names[0]}{name}": int(value)
        for names, values in pairs
        for name, value in zip(names[1:], values[1:], strict=True)
    }


def transfer(run, size: int) -> float:
    """Send bytes from u2 to u1 over TCP, check that they arrive unchanged, and return the seconds it took."""
    run("u1", "rm -f /tmp/listening /tmp/got")
    run("u1", f"systemd-run --quiet --collect sh -c 'python3 -c \"$1\" > /tmp/got' sh '{quoted(RECEIVE)}'")
    run("u1", "until [ -e /tmp/listening ]; do sleep 0.1; done")
    sent = run("u2", f"python3 -c '{quoted(SEND)}' {SUBNET}.11 {size}").split()
    got = run("u1", "until [ -s /tmp/got ]; do sleep 0.1; done; cat /tmp/got").split()
    assert got == sent[:2]
    return float(sent[2])


def quoted(script: str) -> str:
    assert "'" not in script
    return script


def ping_ms(run, source: str, address: str) -> float:
    """The quickest of some, which tells what every packet has to wait, however busy this machine is."""
    said = run(source, f"ping -q -c 10 -i 0.1 {address}")
    return float(re.search(r"= ([\d.]+)/", said)[1])


def test_kernels_and_containers_share_a_bridge(up, run, command):
    wait_for("all run", lambda: states(command, up) == {"u1": "running", "u2": "running", "n1": "running"})
    assert run("u1", "uname -r") != os.uname().release == run("n1", "uname -r")
    assert run("u1", "hostname; hostname -I; systemctl --failed --plain --no-legend") == f"u1\n{SUBNET}.11"
    wait_for("u1 has started all", lambda: run("u1", "systemctl is-system-running || true") == "running")
    assert run("u1", "cat /etc/machine-id") != run("u2", "cat /etc/machine-id")
    for source, address in (("u1", 12), ("u1", 13), ("n1", 12)):
        assert "1 received" in run(source, f"ping -c1 -W2 {SUBNET}.{address}")
    link = "ip -br link show host0 | cut -d' ' -f1"
    assert run("u1", link) == "host0"


def test_up_again_changes_nothing(up, command):
    lab = core.Lab(read(up))
    first = {guest.name: providers.of(guest).init(guest) for guest in lab.guests}
    lab_verb(command, up, "up")
    assert {guest.name: providers.of(guest).init(guest) for guest in lab.guests} == first


def test_packets_flow_at_speed_also_after_the_link_was_down(up, run):
    assert transfer(run, 20_000_000) < 5
    run("u2", "ip link set host0 down; ip link set host0 up; sleep 0.5; ip -4 -br address show host0")
    assert transfer(run, 20_000_000) < 5, "segmentation offload makes it crawl"


def test_netem_delays_by_what_was_asked(up, run):
    assert ping_ms(run, "u1", f"{SUBNET}.12") < 20
    run("u2", "tc qdisc add dev host0 root netem delay 100ms")
    try:
        assert 99 <= ping_ms(run, "u1", f"{SUBNET}.12") <= 130
    finally:
        run("u2", "tc qdisc del dev host0 root")
    assert ping_ms(run, "u1", f"{SUBNET}.12") < 20


@pytest.mark.parametrize(
    ("netem", "shows"),
    [
        ("corrupt 10%", {"u1": "Tcp:InCsumErrors", "u2": "Tcp:RetransSegs"}),
        ("loss 10%", {"u2": "Tcp:RetransSegs"}),
    ],
)
def test_netem_shows_in_the_counters_and_the_data_arrives_whole(up, run, netem, shows):
    """A packet here is one of up to 64 KiB, as behind any network card that segments."""
    before = {host: counters(run, host)[counter] for host, counter in shows.items()}
    run("u2", f"tc qdisc add dev host0 root netem {netem}")
    try:
        transfer(run, 6_000_000)
    finally:
        run("u2", "tc qdisc del dev host0 root")
    after = {host: counters(run, host)[counter] for host, counter in shows.items()}
    assert all(after[host] - before[host] >= 5 for host in shows), (before, after)
    transfer(run, 6_000_000)
    assert all(counters(run, host)[counter] - after[host] <= 2 for host, counter in shows.items())


def test_a_clock_of_its_own(up, run):
    offset = time.time() - time.monotonic()
    run("u1", "date -s '+1 hour' > /dev/null")
    try:
        assert int(run("u1", "date +%s")) - time.time() > 3500
        assert abs(int(run("u2", "date +%s")) - time.time()) < 5
        assert abs(time.time() - time.monotonic() - offset) < 1, "this machine's clock moved with it"
    finally:
        run("u1", "date -s '-1 hour' > /dev/null")


def test_a_watchdog_that_is_closed_in_good_order_lets_go(up, run):
    """As Patroni does when it steps down, or ends."""
    first = run("u1", "cat /proc/sys/kernel/random/boot_id")
    run("u1", f"python3 -c '{quoted(LET_GO)}'")
    time.sleep(4)
    assert run("u1", "cat /proc/sys/kernel/random/boot_id") == first


def test_a_deploy_can_load_softdog(up, run):
    """Its command, on a host where the module is not loaded; here the image loads it."""
    files = "/etc/modules-load.d/firedrill-watchdog.conf /etc/modprobe.d/firedrill-watchdog.conf"
    run("u1", "modprobe -r softdog && [ ! -d /sys/module/softdog ]")
    try:
        run("u1", f"modinfo softdog > /dev/null && {watchdog.LOAD}")
        assert run("u1", "[ -d /sys/module/softdog ] && [ -c /dev/watchdog1 ] && echo loaded") == "loaded"
        assert run("u1", f"cat {files}").split() == ["softdog", "options", "softdog", "nowayout=0"]
    finally:
        run("u1", f"rm -f {files}; modprobe softdog")


def test_a_starved_watchdog_ends_the_kernel_and_the_host_comes_back(up, run, command):
    first = uml.init(core.Lab(read(up))["u1"])
    boot = run("u1", "cat /proc/sys/kernel/random/boot_id; echo kept > /root/kept; sync")
    began = time.monotonic()
    run("u1", f"systemd-run --quiet python3 -c '{quoted(STARVE)}'")
    wait_for("u1 dies", lambda: uml.init(core.Lab(read(up))["u1"]) != first, 15)
    assert time.monotonic() - began >= STARVE_SECONDS
    wait_for("u1 restarts", lambda: came_back(command, up, "u1", first))
    assert run("u1", "cat /root/kept") == "kept"
    assert run("u1", "cat /proc/sys/kernel/random/boot_id") != boot.splitlines()[0]
    answers(run, "u1", f"{SUBNET}.13")


def test_a_host_that_reboots_comes_back_with_its_disk_and_network(up, run, command):
    first, key = uml.init(core.Lab(read(up))["u1"]), run("u1", "cat /etc/ssh/ssh_host_ed25519_key.pub /etc/machine-id")
    run("u1", "systemctl reboot --no-block")
    wait_for("u1 restarts", lambda: came_back(command, up, "u1", first))
    assert run("u1", "cat /etc/ssh/ssh_host_ed25519_key.pub /etc/machine-id; cat /root/kept") == f"{key}\nkept"
    answers(run, "u1", f"{SUBNET}.12")


@pytest.mark.parametrize("key", ["c", "b"], ids=["panic", "reboot"])
def test_the_kernels_own_keys_end_it_and_it_comes_back(up, command, key):
    lab = core.Lab(read(up))
    wait_for("u2 has run for long enough to restart after a panic", lambda: run_for(lab["u2"]) > 12)
    first = uml.init(lab["u2"])
    command("lab", "-i", up, "shell", "u2", "--", f"systemd-run --quiet sh -c 'echo {key} > /proc/sysrq-trigger'")
    wait_for("u2 comes back", lambda: came_back(command, up, "u2", first))


def test_a_host_that_powers_itself_off_stays_off(up, run, command):
    run("u1", "systemctl poweroff --no-block")
    wait_for("u1 is off", lambda: core.Lab(read(up))["u1"].processes == set())
    time.sleep(1)
    assert states(command, up)["u1"] == "off"
    lab_verb(command, up, "start", "u1")
    assert run("u1", "cat /root/kept") == "kept"


def test_the_power_button_is_orderly_and_needs_no_network(up, run, command):
    run("u1", "systemd-run --quiet --property=ExecStop='/bin/touch /root/farewell' sleep infinity")
    subprocess.run(["ip", "link", "set", uml.tap(NAME, "u1"), "down"], check=True)
    lab_verb(command, up, "stop", "u1")
    assert states(command, up)["u1"] == "off"
    lab_verb(command, up, "start", "u1")
    assert run("u1", "ls /root").split() == ["farewell", "kept"]


def test_a_power_cut_loses_what_was_not_synced_and_leaves_nothing_behind(up, run, command):
    run("u1", "echo synced > /root/synced; sync /root/synced; sync -f /root")
    run("u1", "echo lost > /root/lost")
    assert re.search(r"cut at \d{4}-", lab_verb(command, up, "cut", "u1"))
    assert core.Lab(read(up))["u1"].processes == set()
    assert not Path(f"/sys/class/net/{uml.tap(NAME, 'u1')}").exists()
    running = "\n".join(command_lines())
    assert f"hosts/u1/{uml.CONSOLE}" not in running
    assert f"ifname={uml.tap(NAME, 'u1')}" not in running
    lab_verb(command, up, "start", "u1")
    assert run("u1", "cat /root/synced") == "synced"
    assert run("u1", "cat /root/lost 2>/dev/null || true") == ""


def command_lines() -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_a_paused_host_is_silent_and_goes_on_and_can_be_cut(up, run, command):
    boot = run("u1", "cat /proc/sys/kernel/random/boot_id")
    lab_verb(command, up, "pause", "u1")
    assert states(command, up)["u1"] == "paused"
    assert "0 received" in run("u2", f"ping -c2 -i0.3 -W1 {SUBNET}.11 || true")
    lab_verb(command, up, "resume", "u1")
    answers(run, "u2", f"{SUBNET}.11")
    assert run("u1", "cat /proc/sys/kernel/random/boot_id") == boot
    lab_verb(command, up, "pause", "u1")
    lab_verb(command, up, "cut", "u1")
    assert core.Lab(read(up))["u1"].processes == set()


def test_a_lab_killed_in_the_middle_of_up_is_repaired_by_the_next(up, command):
    for after in (0.7, 1.0, 1.5):
        lab_verb(command, up, "cut", "u1", "u2")
        child = subprocess.Popen(
            [sys.executable, "-m", "firedrill.lab", "-i", str(up), "up"], cwd=ROOT, stderr=subprocess.DEVNULL
        )
        time.sleep(after)
        os.kill(child.pid, signal.SIGINT if after == 1.0 else signal.SIGKILL)
        child.wait()
    lab_verb(command, up, "up")
    wait_for("all run", lambda: set(states(command, up).values()) == {"running"})


def test_a_half_made_disk_is_made_anew(up, run, command):
    lab_verb(command, up, "cut", "u2")
    disk = uml.disk_of(core.Lab(read(up))["u2"])
    os.truncate(disk, 4096)
    lab_verb(command, up, "start", "u2")
    assert run("u2", "hostname") == "u2"


def test_a_host_given_another_provider_is_made_anew(up, inventory_file, command):
    other = inventory_file(INVENTORY.replace('_host("u2", 12)', '_host("u2", 12, provider="nspawn")'), NAME)
    lab_verb(command, other, "up")
    done = command("lab", "-i", other, "shell", "u2", "--", "uname -r")
    assert done.stdout.strip() == os.uname().release
    assert not Path(f"/sys/class/net/{uml.tap(NAME, 'u2')}").exists()


def kill_in_the_middle(up, verb: str, after: float) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "firedrill.lab", "-i", str(up), verb], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    time.sleep(after)
    child.kill()
    child.wait()


def test_up_copes_with_a_killed_down(up, run, command):
    kill_in_the_middle(up, "down", 0.9)
    lab_verb(command, up, "up")
    wait_for("all run", lambda: set(states(command, up).values()) == {"running"})
    assert run("u1", "hostname; systemctl --failed --plain --no-legend") == "u1"


def test_down_leaves_nothing_of_a_killed_up_and_a_killed_down_either(up, command):
    kill_in_the_middle(up, "down", 0.7)
    kill_in_the_middle(up, "up", 1.2)
    lab_verb(command, up, "down")
    assert not (paths.STATE / NAME).exists()
    assert not [path for mount in cgroups.hierarchies().values() for path in mount.glob(f"firedrill/{NAME}")]
    assert not [name for name in ("u1", "u2", "n1") if Path(f"/sys/class/net/{uml.tap(NAME, name)}").exists()]
    assert not [line for line in command_lines() if f"/{NAME}/hosts/" in line]


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        ("mount -t tmpfs -o size=64m tmpfs /dev/shm", "/dev/shm size: 64 MiB free, 512 needed"),
        ("mount -t tmpfs -o noexec tmpfs /dev/shm", "/dev/shm executable: noexec"),
        ("mount --bind /dev/null /dev/net/tun", "tap: "),
        (f"mount -t tmpfs tmpfs {image.folder(bare=False)}/usr/lib64", "libc: "),
    ],
)
def test_what_this_machine_lacks_is_named_and_nothing_is_made(inventory, spoil, cause):
    text = f'{spoil} && exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", text, "sh",
         sys.executable, "-m", "firedrill.lab", "-i", str(inventory), "up"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"lab: uml hosts cannot run here: {cause}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (paths.STATE / NAME).exists()
    assert not Path(f"/sys/class/net/fd{NAME}").exists()


def test_without_the_package_the_cause_is_named_and_nothing_is_left(inventory, tmp_path):
    ours = image.folder(bare=False)
    (tmp_path / ours.name).symlink_to(ours)
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "firedrill.lab", "-i", str(inventory), "up"],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"FIREDRILL_CACHE": str(tmp_path)}, timeout=200,
    )  # fmt: skip
    assert done.returncode == 2
    assert "user-mode-linux cannot be fetched" in done.stderr.splitlines()[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([ours.name, "lock"])
    assert not (paths.STATE / NAME).exists()


def test_a_base_whose_making_was_killed_is_swept_by_the_next(inventory, tmp_path):
    """In a cache of its own: any other lab that comes up sweeps the shared one."""
    for cached in (image.folder(bare=False), *paths.CACHE.glob("kernel-*")):
        (tmp_path / cached.name).symlink_to(cached)
    environment = os.environ | {"FIREDRILL_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "firedrill.lab", "-i", str(inventory), "up"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as child:
        next(line for line in child.stderr if "building the base disk" in line)
        time.sleep(1)
        child.kill()
    (partial,) = tmp_path.glob("uml-*.partial")
    wait_for("the making ends", lambda: not [line for line in command_lines() if str(partial) in line], 5)
    assert not (paths.STATE / NAME).exists()
    sweep = [sys.executable, "-c", "from firedrill.lab import image; image.sweep()"]
    subprocess.run(sweep, cwd=ROOT, env=environment, check=True)
    assert not partial.exists()

"""Real hosts on this machine: made, powered, frozen, repaired, and gone without a trace."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from firedrill.inventories.read import read
from firedrill.lab import cgroups, core, image, network, nspawn, paths
from firedrill.lab.sysctls import AT_LEAST
from tests.labs import MARK, ROOT, place

pytestmark = [pytest.mark.lab("hosts"), pytest.mark.alone]
NAME, SUBNET = place("hosts")
OTHERS_TABLES = re.compile(rf"^table ip firedrill_(?!{NAME} ).*?^}}\n", re.MULTILINE | re.DOTALL)
MOVING = re.compile(
    r"fs\.\S+-(nr|state) |fs\.quota\.|kernel\.(random\.|ns_last_pid |pty\.nr |perf_event_max_sample_rate |sched)"
    rf"|net\.ipv[46]\.(conf|neigh)\.(fd(?!{NAME}\.)\w-|firedrill\d|[\w-]{{1,8}}-[0-9a-f]{{6}}\.)"
    r"|kernel\.hung_task_(detect_count|warnings) |net\.(netfilter|nf_conntrack)|net\.ipv[46]\.(conf|neigh)\.vb-"
)
# The labs of other checkouts may come and go meanwhile, which changes what the first of all labs raises.
SHARED = re.compile(rf"({'|'.join(name.replace('/', '.') for name in AT_LEAST)}|net\.ipv4\.conf\.\S+\.forwarding) ")


def sysctls() -> dict[str, int]:
    """Those that a lab raises."""
    return {name: int((Path("/proc/sys") / name).read_text()) for name in AT_LEAST}


def namespaces() -> list[str]:
    """Those of the network that hold a process whose root is a host's disk of this lab."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"/{NAME}/hosts/" in (process / "mounts").read_text().split("\n")[0]:
                found.add(os.readlink(process / "ns/net"))
        except (OSError, ValueError):
            continue  # it ended meanwhile
    return sorted(found)


def others(link: dict) -> bool:
    """Whether it is the bridge of another lab, or on one: the tests' labs, and those of inventories/."""
    bridge = link.get("master") or link["ifname"]
    return bridge != f"fd{NAME}" and re.fullmatch(r"fd\w-.+|firedrill\d", bridge) is not None


def footprint() -> dict[str, object]:
    """All that a lab may leave on this machine."""

    def shown(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    return {
        "mounts": sorted(line for line in Path("/proc/self/mounts").read_text().splitlines() if NAME in line),
        "links": sorted(link["ifname"] for link in json.loads(shown("ip", "-j", "link")) if not others(link)),
        "tables": OTHERS_TABLES.sub("", shown("nft", "-s", "list", "ruleset")),
        "namespaces": namespaces(),
        "loops": sorted(line for line in shown("losetup", "-n", "-O", "BACK-FILE").splitlines() if NAME in line),
        "cgroups": sorted(str(p) for m in cgroups.hierarchies().values() for p in m.glob(f"firedrill/{NAME}")),
        "sysctls": shown("sysctl", "-a"),
        "folder": sorted(str(path) for path in paths.STATE.glob(f"{NAME}*")),
        "propagate": sorted(str(path) for path in Path("/run/systemd/nspawn").glob(f"*/{NAME}-*")),
    }


def steady(footprint: dict) -> dict:
    """Without the sysctls that move by themselves: what the kernel counts, and what it has of each host's link."""
    lines = str(footprint["sysctls"]).splitlines()
    return footprint | {"sysctls": [line for line in lines if not MOVING.match(line) and not SHARED.match(line)]}


@pytest.fixture(scope="module")
def before():
    return steady(footprint())


@pytest.fixture(scope="module")
def up(before, like_lab, lab_up):
    with lab_up(like_lab(NAME, SUBNET, only=("etcd1", "db1"))) as file:
        yield file


def states(command, inventory) -> dict[str, str]:
    rows = json.loads(command("lab", "-i", inventory, "status", "--json").stdout)
    return {row["name"]: row["state"] for row in rows}


def wait_for(command, inventory, wanted: dict[str, str]) -> None:
    """A busy machine's host may be late with one answer."""
    deadline = time.monotonic() + 30
    while (found := states(command, inventory)) != found | wanted:
        assert time.monotonic() < deadline, f"{found} after 30 s, wanted {wanted}"
        time.sleep(0.2)


def shell(command, inventory, host: str, text: str) -> str:
    done = command("lab", "-i", inventory, "shell", host, "--", text)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_host_is_a_whole_system_of_its_own(up, command):
    wait_for(command, up, {"etcd1": "running", "db1": "running"})
    look = "cat /proc/1/comm; hostname; systemctl is-system-running --wait"
    assert shell(command, up, "db1", look) == "systemd\ndb1\nrunning"
    assert shell(command, up, "db1", "hostname -I") == f"{SUBNET}.21"
    assert shell(command, up, "db1", "cat /etc/machine-id") != shell(command, up, "etcd1", "cat /etc/machine-id")
    assert shell(command, up, "db1", "systemctl --failed --plain --no-legend") == ""


def test_a_host_reaches_its_peer_and_nothing_beyond_but_packages_and_names(up, command):
    assert "1 received" in shell(command, up, "db1", f"ping -c1 -W2 {SUBNET}.11")
    gateway = json.loads(
        subprocess.run(["ip", "-j", "route", "show", "default"], capture_output=True, text=True).stdout
    )
    if gateway:
        own = gateway[0].get("prefsrc") or gateway[0]["gateway"]
        assert "received" in shell(command, up, "db1", f"ping -c1 -W1 {own} || true")
    table = subprocess.run(["nft", "list", "table", "ip", f"firedrill_{NAME}"], capture_output=True, text=True).stdout
    assert "drop" in table


def test_a_full_disk_is_that_hosts_own(up, command):
    free = "df --output=avail -B1M / | tail -1"
    mine, theirs = (int(shell(command, up, host, free)) for host in ("db1", "etcd1"))
    shell(command, up, "db1", "head -c 500M /dev/zero > /var/big && sync")
    assert mine - int(shell(command, up, "db1", free)) >= 490
    assert theirs - int(shell(command, up, "etcd1", free)) < 50
    shell(command, up, "db1", "rm /var/big")


def test_up_again_changes_nothing(up, command):
    began = shell(command, up, "db1", "stat -c %Y /proc/1")
    assert command("lab", "-i", up, "up").returncode == 0
    assert shell(command, up, "db1", "stat -c %Y /proc/1") == began


def test_poweroff_cut_and_start_keep_the_disk(up, command):
    shell(command, up, "db1", "echo kept > /root/kept")
    for verb in ("stop", "cut"):
        assert command("lab", "-i", up, verb, "db1").returncode == 0
        assert states(command, up)["db1"] == "off"
        assert command("lab", "-i", up, "start", "db1").returncode == 0
        assert shell(command, up, "db1", "cat /root/kept") == "kept"


def test_the_gateway_keeps_its_hardware_address_while_hosts_go_and_come(up, command):
    """Otherwise hosts send to an address that is gone until they ask again."""
    address = Path(f"/sys/class/net/fd{NAME}/address")
    before = address.read_text()
    for host in read(up).hosts:
        command("lab", "-i", up, "cut", host.name)
        assert address.read_text() == before, host.name
        command("lab", "-i", up, "start", host.name)


def test_a_sync_of_a_host_waits_for_no_other_host(up):
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    disks = [options.split(",") for _, path, _, options, *_ in mounts if re.search(rf"/{NAME}/.*/disk$", path)]
    assert len(disks) == len(read(up).hosts)
    assert all("nobarrier" in options for options in disks)


def test_a_poweroff_is_orderly_and_a_cut_is_not(up, command):
    unit = "systemd-run --quiet --unit=farewell --property=ExecStop='/bin/touch /root/farewell' sleep infinity"
    shell(command, up, "db1", f"rm -f /root/farewell; {unit}")
    command("lab", "-i", up, "cut", "db1")
    command("lab", "-i", up, "start", "db1")
    assert shell(command, up, "db1", "ls /root") == "kept"
    shell(command, up, "db1", unit)
    command("lab", "-i", up, "stop", "db1")
    command("lab", "-i", up, "start", "db1")
    assert "farewell" in shell(command, up, "db1", "ls /root")


def test_a_host_that_is_cut_says_nothing(up, command):
    """A killed container's kernel would say goodbye to every peer, which a dead machine does not."""
    with socket.create_connection((read(up)["db1"].address, 22)) as link:
        assert link.recv(100)
        link.settimeout(2)
        command("lab", "-i", up, "cut", "db1")
        with pytest.raises(TimeoutError):
            link.recv(100)
    assert command("lab", "-i", up, "start", "db1").returncode == 0


def test_a_host_that_reboots_comes_back(up, command):
    lab = core.Lab(read(up))
    first = nspawn.init(lab["db1"])
    command("lab", "-i", up, "shell", "db1", "--", "systemctl reboot")
    deadline = time.monotonic() + 30
    while nspawn.init(lab["db1"]) in (None, first) or states(command, up)["db1"] != "running":
        assert time.monotonic() < deadline, "db1 did not restart within 30 s"
        time.sleep(0.2)


def test_a_paused_host_is_silent_and_goes_on_when_resumed(up, command):
    began = shell(command, up, "db1", "stat -c %Y /proc/1")
    assert command("lab", "-i", up, "pause", "db1").returncode == 0
    assert states(command, up)["db1"] == "paused"
    assert "0 received" in shell(command, up, "etcd1", f"ping -c1 -W1 {SUBNET}.21 || true")
    assert command("lab", "-i", up, "resume", "db1").returncode == 0
    assert "1 received" in shell(command, up, "etcd1", f"ping -c1 -W2 {SUBNET}.21")
    assert shell(command, up, "db1", "stat -c %Y /proc/1") == began


def test_a_paused_host_can_be_cut(up, command):
    command("lab", "-i", up, "pause", "db1")
    assert command("lab", "-i", up, "cut", "db1").returncode == 0
    assert states(command, up)["db1"] == "off"
    assert command("lab", "-i", up, "start", "db1").returncode == 0
    wait_for(command, up, {"db1": "running"})


def test_each_host_weighs_the_same_and_the_lab_as_much_as_all(up):
    lab = core.Lab(read(up))
    mount = cgroups.hierarchies().get("cpu") or cgroups.hierarchies().get("cpu,cpuacct")
    if mount:
        shares = [int((mount / "firedrill" / NAME / g.name / "cpu.shares").read_text()) for g in lab.guests]
        assert shares == [1024, 1024]
    else:
        group = cgroups.hierarchies()["unified"] / "firedrill" / NAME
        assert [int((group / g.name / "cpu.weight").read_text()) for g in lab.guests] == [100, 100]


def test_cpu_time_includes_processes_that_have_ended(up, command):
    def used() -> float:
        rows = json.loads(command("lab", "-i", up, "status", "--json").stdout)
        return next(row["cpu_s"] for row in rows if row["name"] == "db1")

    before = used()
    shell(command, up, "db1", "timeout 3 sh -c 'while :; do :; done' || true")
    assert used() - before > 1


def test_a_lab_killed_in_the_middle_of_up_is_repaired_by_the_next(up, command):
    assert command("lab", "-i", up, "cut", "db1", "etcd1").returncode == 0
    for after in (0.6, 0.9, 1.2):
        child = subprocess.Popen(
            [sys.executable, "-m", "firedrill.lab", "-i", str(up), "up"], cwd=ROOT, stderr=subprocess.DEVNULL
        )
        time.sleep(after)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert command("lab", "-i", up, "up").returncode == 0
    wait_for(command, up, {"etcd1": "running", "db1": "running"})


def test_a_killed_supervisor_is_repaired_by_the_next_up(up, command):
    lab = core.Lab(read(up))
    init = nspawn.init(lab["db1"])
    for pid in lab["db1"].processes:
        command_line = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"systemd-nspawn" in command_line and pid != init:
            os.kill(pid, signal.SIGKILL)
    assert command("lab", "-i", up, "cut", "db1").returncode == 0
    assert command("lab", "-i", up, "up").returncode == 0
    wait_for(command, up, {"db1": "running"})


def test_a_host_no_longer_named_is_removed(up, command, like_lab):
    fewer = like_lab(NAME, SUBNET, only=("etcd1",))
    assert command("lab", "-i", fewer, "up").returncode == 0
    assert not (paths.STATE / NAME / "hosts/db1").exists()
    assert core.Lab(read(up))["db1"].processes == set()
    assert command("lab", "-i", up, "up").returncode == 0


def test_an_address_that_is_taken_is_refused_before_anything_is_made(like_lab, command, up):
    other = like_lab(f"{MARK}-clash", SUBNET, only=("etcd1",))
    done = command("lab", "-i", other, "up")
    assert done.returncode == 2
    assert f"taken: fd{NAME} has {SUBNET}.1/24" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (paths.STATE / f"{MARK}-clash").exists()


def test_an_image_of_another_kind_is_refused(up, command):
    done = command("lab", "-i", up, "up", "--bare")
    assert done.returncode == 2
    assert "created from the cluster image" in done.stderr


def test_an_image_of_another_release_is_refused(up, command):
    other, provider = up.with_name("older.py"), '"provider": "nspawn"'
    other.write_text(up.read_text().replace(provider, f'{provider}, "release": "bookworm"'))
    done = command("lab", "-i", other, "up")
    assert done.returncode == 2
    assert (
        "created from the cluster image of trixie, not from the cluster image of bookworm: run `lab down`"
        in done.stderr
    )


def test_the_image_in_use_is_not_rebuilt_under_the_hosts(up, command):
    done = command("lab", "image", "--rebuild")
    assert done.returncode == 2
    assert "in use by" in done.stderr


def test_one_lab_goes_down_while_another_comes_up(up, command, like_lab):
    other = like_lab(*place("other"), only=("etcd1",))
    for _ in range(2):
        command("lab", "-i", up, "down")
        assert command("lab", "-i", other, "up").returncode == 0
        python = [sys.executable, "-m", "firedrill.lab", "-i"]
        down = subprocess.Popen([*python, str(other), "down"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        done = command("lab", "-i", up, "up")
        said = down.communicate()[1]
        assert (done.returncode, down.returncode) == (0, 0), done.stderr + said
        wait_for(command, up, {"db1": "running"})
        assert sysctls() == {"net/ipv4/ip_forward": 1, "fs/inotify/max_user_instances": 1024}


def test_down_leaves_nothing(up, command, before):
    untouched = json.loads((paths.STATE / core.SYSCTLS).read_text())
    assert command("lab", "-i", up, "down").returncode == 0
    assert steady(footprint()) == before
    if not paths.STATE.exists():  # there is no lab of another checkout
        assert sysctls() == {name: int(value) for name, value in untouched.items()}
    assert command("lab", "-i", up, "down").returncode == 0, "down again is fine"


def test_a_full_disk_is_named_and_nothing_is_left(like_lab, command, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(cache)], check=True)
    try:
        done = command("lab", "-i", like_lab(NAME, SUBNET), "up", FIREDRILL_CACHE=str(cache))
        assert done.returncode == 2
        assert "free" in done.stderr.splitlines()[-1]
        assert {path.name for path in cache.iterdir()} <= {"lock"}
    finally:
        subprocess.run(["umount", str(cache)], check=True)
    assert not (paths.STATE / NAME).exists()


def test_without_a_network_the_cause_is_named_and_nothing_is_left(like_lab, tmp_path):
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "firedrill.lab", "image", "--bare"],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"FIREDRILL_CACHE": str(tmp_path)}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 2
    assert "cannot be fetched" in done.stderr.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_build_killed_in_the_middle_is_swept_by_the_next(tmp_path):
    environment = os.environ | {"FIREDRILL_CACHE": str(tmp_path)}
    child = subprocess.Popen(
        [sys.executable, "-m", "firedrill.lab", "image", "--bare"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr
    next(line for line in child.stderr if "downloading packages" in line or "extracting" in line)
    child.kill()
    child.communicate()
    partial = [path for path in tmp_path.iterdir() if path.suffix == ".partial"]
    assert len(partial) == 1
    deadline = time.monotonic() + 5
    while b"mmdebstrap" in b"".join(_command_lines(partial[0])):
        assert time.monotonic() < deadline, "the build outlived the lab command that ran it"
        time.sleep(0.1)
    sweep = [sys.executable, "-c", "from firedrill.lab import image; image.sweep()"]
    subprocess.run(sweep, cwd=ROOT, env=environment, check=True)
    assert not partial[0].exists()


def _command_lines(about: Path) -> list[bytes]:
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(about).encode() in line:
            lines.append(line)
    return lines


def test_only_root_may_make_hosts(like_lab):
    done = subprocess.run(
        ["unshare", "--user", "--map-user=65534", sys.executable, "-m", "firedrill.lab", "up"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip() == "lab: only root can create hosts: run it with sudo or as root"


def test_the_recipe_names_the_image():
    assert image.folder(bare=True) != image.folder(bare=False)
    assert network.Network("lab", "b", "10.0.0.1/24").table == "firedrill_lab"

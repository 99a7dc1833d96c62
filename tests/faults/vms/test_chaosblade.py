"""The backend chaosblade, by a `blade` of the tests' own (fake_blade.py), on hosts with a kernel of their own."""

import json

import pytest

from firedrill.faults import doctor, engine, ledger
from firedrill.faults.backends import chaosblade
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.protocol import NotEffective, Refused
from tests.faults.blade_release import archive, options_of
from tests.faults.conftest import journals, until
from tests.faults.vms.conftest import SUBNET

pytestmark = pytest.mark.lab("vms")
BLADE = "/opt/chaosblade/blade"
# The top folders of 1.7 and of 1.8.
LAYOUTS = ("chaosblade-1.7.2", "chaosblade-1.8.0-linux_amd64")
WITH = {"backend": "chaosblade"}


@pytest.fixture(scope="module")
def deploy(net, command):
    def run(file, checksum: str):
        return command("pyinfra", "-y", *options_of(file, checksum), net, "deploy/chaosblade.py")

    return run


@pytest.fixture(scope="module")
def blade(deploy, tmp_path_factory):
    """Installed on both hosts."""
    done = deploy(*archive(tmp_path_factory.mktemp("release"), LAYOUTS[0]))
    assert done.returncode == 0, done.stderr


def records(on) -> list[dict]:
    return json.loads(on("db1", f"{BLADE} status --type create --status Success"))["result"]


def test_hosts_without_it_are_told_from_those_with_it(ways):
    rows = doctor.check_up(ways)["db1"]
    assert rows["corrupt"].reason is None
    assert "no chaosblade (/opt/chaosblade/blade does not answer)" in rows["corrupt --backend chaosblade"].reason
    assert "rate --backend chaosblade" not in rows


def test_a_wrong_checksum_is_refused_before_anything_is_touched(deploy, on, tmp_path):
    file, checksum = archive(tmp_path, LAYOUTS[0])
    done = deploy(file, checksum[::-1])
    assert done.returncode == 2
    assert f"has the SHA-256 {checksum}, wanted {checksum[::-1]}" in done.stderr
    assert on("db1", "ls -d /opt/chaosblade /var/tmp/chaosblade*") == ""


def test_both_layouts_are_unpacked_and_a_second_time_changes_nothing(deploy, on, tmp_path):
    for top in LAYOUTS:
        file, checksum = archive(tmp_path, top)
        assert deploy(file, checksum).returncode == 0
        assert on("db1", "ls /opt/chaosblade; cat /opt/chaosblade/.sha256") == f"bin\nblade\nlogs\nyaml\n{checksum}"
        again = deploy(file, checksum)
        assert again.returncode == 0
        assert "No changes" in again.stderr + again.stdout
        assert on("db2", f"{BLADE} version").endswith("1.7.2")


PORT = {"peers": "db2", "ports": "5432"}
NETWORK = (
    ("corrupt", {"percent": 50}, "corruption asked 50 %, seen "),
    ("loss", {"percent": 40, **PORT}, "loss asked 40 %, seen "),
    ("delay", {"ms": 80, "jitter_ms": 10}, "delay asked 80 ms, seen "),
    ("duplicate", {"percent": 25, "peers": "db2"}, "duplicates asked 25 %, seen "),
    ("reorder", {}, "reordering asked 25 %, seen "),
)
OTHERS = (
    ("cpu", {"percent": 60, "cores": 1}, "asked 60 % of 1 processors, used by all "),
    ("memory", {"percent": 60}, "asked 60 % in use"),
    ("disk_full", {"percent": 60, "path": "/var/lib/postgresql"}, "in use"),
    ("kill", {"process": "greeter.service"}, "is gone"),
    ("freeze", {"process": "greeter.service"}, "processes of greeter.service are stopped"),
)


@pytest.mark.parametrize(("name", "given", "said"), [*NETWORK, *OTHERS])
def test_it_bites_and_heals_with_the_same_proof(blade, inject, heal, told, on, name, given, said):
    before = on("db1", "tc qdisc show; tc filter show dev host0")
    entries = inject(name, "db1", **given, **WITH)
    assert said in told.of("effective")[0]
    assert [row["Uid"] for row in records(on)] == [f"fd0d0000{entries[0].id}"]
    heal(entries)
    assert "all as before" in told.of("clean")[0]
    assert on("db1", "tc qdisc show; tc filter show dev host0") == before
    assert on("db1", "pgrep -f chaos_os; ls /var/lib/postgresql/*.dat") == ""
    assert records(on) == []
    assert journals(on, "db1") == ""


def test_the_controller_and_ssh_are_led_past(blade, inject, heal, on):
    entries = inject("delay", "db1", ms=600, peers=f"db2,{SUBNET}.0/24", **WITH)
    assert "flowid 1:3" in on("db1", "tc filter show dev host0 parent 1: prio 3")
    shown = on("db1", "ping -n -q -c 5 -i 0.1 ${SSH_CONNECTION%% *} | tail -1")
    assert float(shown.split(" = ")[1].split("/")[0]) < 300, "of the quickest"
    heal(entries)


def test_a_second_that_would_end_the_first_is_refused(blade, inject, heal, on):
    first = inject("delay", "db1", ms=50, peers="db2", **WITH)
    shown = on("db1", "tc qdisc show dev host0")
    named = rf"the root qdisc of host0 is `prio 1:`, which is of delay {first[0].id}"
    for given in (WITH, {}):
        with pytest.raises(Refused, match=named):
            inject("loss", "db1", peers="db2", ports="5432", **given)
    assert on("db1", "tc qdisc show dev host0") == shown
    heal(first)
    ours = inject("delay", "db1", ms=50, **PORT)
    with pytest.raises(Refused, match=f"which is of delay {ours[0].id}"):
        inject("loss", "db1", peers="db2", ports="2379", **WITH)
    heal(ours)


def test_another_load_of_its_own_is_not_ended_by_ours(blade, inject, on):
    theirs = json.loads(on("db1", f"{BLADE} create cpu fullload --cpu-percent 10"))["result"]
    with pytest.raises(Refused, match=f"chaosblade's cpu fullload {theirs} is active"):
        inject("cpu", "db1", percent=50, **WITH)
    assert on("db1", "pgrep -fc 'chaos_os create cpu'") == "1"
    on("db1", f"{BLADE} destroy {theirs}")


def test_two_that_can_live_together_do(blade, inject, heal, told):
    first = inject("delay", "db1", ms=50, **PORT, **WITH)
    second = inject("freeze", "db1", process="greeter.service", **WITH)
    heal(first)
    heal(second)
    assert len(told.of("clean")) == 2


@pytest.mark.parametrize(("name", "given"), [("corrupt", {}), ("cpu", {"percent": 50})])
def test_success_without_effect_is_not_believed(blade, ways, told, on, name, given):
    on("db1", "echo create > /opt/chaosblade/lies")
    with pytest.raises(NotEffective):
        engine.inject(engine.plan(FAULTS[name](**given, **WITH), "db1", ways), ways, told)
    on("db1", "rm /opt/chaosblade/lies")
    assert told.of("clean")
    assert records(on) == []
    assert journals(on, "db1") == ""


@pytest.mark.parametrize(
    ("name", "given"),
    [("delay", {"ms": 50}), ("cpu", {"percent": 50}), ("disk_full", {}), ("freeze", {"process": "greeter.service"})],
)
def test_an_end_that_was_none_is_not_believed(blade, inject, heal, told, on, name, given):
    entries = inject(name, "db1", **given, **WITH)
    on("db1", "echo destroy > /opt/chaosblade/lies")
    heal(entries)
    on("db1", "rm /opt/chaosblade/lies")
    assert "all as before" in told.of("clean")[0]
    assert "netem" not in on("db1", "tc qdisc show")
    assert on("db1", "pgrep -f chaos_os; ls /var/lib/postgresql/*.dat") == ""


@pytest.mark.parametrize(("part", "said"), [("yaml", "yaml/*os-spec*.yaml"), ("bin", "bin/chaos_os")])
def test_a_release_that_lacks_a_part_is_refused(blade, ways, on, part, said):
    on("db1", f"mv /opt/chaosblade/{part} /root/part")
    try:
        reason = doctor.check_up(ways)["db1"]["corrupt --backend chaosblade"].reason
    finally:
        on("db1", f"mv /root/part /opt/chaosblade/{part}")
    assert reason == f"chaosblade in /opt/chaosblade lacks {said}"


@pytest.mark.parametrize(("flag", "said"), [
    ("--no-such-flag 1", "chaosblade: unknown flag: --no-such-flag"),
    ("--interface nowhere", "chaosblade: .*cmd exec failed, err: .*nowhere"),
])  # fmt: skip
def test_its_own_words_are_the_reason(blade, inject, told, monkeypatch, flag, said):
    words = chaosblade.Network.words
    monkeypatch.setattr(chaosblade.Network, "words", lambda *given: f"{words(*given)} {flag}")
    with pytest.raises(Refused, match=rf"^db1: the injection failed \({said}"):
        inject("delay", "db1", ms=50, **WITH)
    assert told.of("clean")


def test_memory_is_reckoned_as_it_reckons(blade, inject, heal, told, on):
    """What is shared counts as cached there, and is not available: a reserve of what is available overshoots."""
    on("db1", "mkdir -p /run/shared && mount -t tmpfs none /run/shared && head -c 60M /dev/zero > /run/shared/x")
    try:
        entries = inject("memory", "db1", mib=64, **WITH)
        held = int(told.of("effective")[0].split(" holds ")[1].split()[0])
        assert 50 <= held <= 90
        heal(entries)
    finally:
        on("db1", "umount /run/shared")


def test_what_stands_in_its_place_by_now_is_left_alone(blade, inject, heal, on, told):
    """Its destroy deletes any root: not one that another has put there since."""
    entries = inject("delay", "db1", ms=50, **WITH)
    on("db1", "tc qdisc del dev host0 root; tc qdisc add dev host0 root handle 7: pfifo limit 77")
    heal(entries)
    assert "pfifo 7:" in on("db1", "tc qdisc show dev host0")
    on("db1", "tc qdisc del dev host0 root")
    assert f"chaosblade still has fd0d0000{entries[0].id} on record as active" in told.of("clean")[0]
    assert "pfifo 7:" in told.of("clean")[0]
    on("db1", f"{BLADE} destroy fd0d0000{entries[0].id} --force-remove")


def test_all_heal_by_themselves_when_their_controller_is_killed(blade, controller, ways, on, told, heal):
    limit = 20
    wanted = [
        ["corrupt", {"peers": "db2", "ports": "2380", **WITH}], ["cpu", {"percent": 30, **WITH}],
        ["memory", {"mib": 64, **WITH}], ["disk_full", {"percent": 50, **WITH}],
        ["freeze", {"process": "greeter.service", **WITH}],
    ]  # fmt: skip
    child = controller(*([name, given, "db1", limit] for name, given in wanted))
    said = ""
    while said not in ("done\n", "end\n"):
        said = child.stdout.readline() or "end\n"
    assert said == "done\n"
    child.kill()
    until(lambda: journals(on, "db1") == "", limit + 10)
    assert records(on) == []
    left = ledger.entries(ways.inventory)
    assert len(left) == len(wanted)
    heal(left)


def test_it_heals_itself_over_a_reboot(blade, inject, net, command, on, heal):
    """Its own timeout would be gone by then; its records are not."""
    entries = inject("disk_full", "db1", limit_s=25, percent=50, **WITH)
    assert command("lab", "-i", net, "cut", "db1").returncode == 0
    assert command("lab", "-i", net, "start", "db1").returncode == 0
    until(lambda: journals(on, "db1") == "", 40)
    assert on("db1", "ls /var/lib/postgresql/*.dat") == ""
    assert records(on) == []
    heal(entries)

"""The doctor on machines that lack something, and the parts of a uml host that need no kernel."""

import io
import json
import tarfile
from dataclasses import replace
from types import SimpleNamespace

import pytest

from firedrill.inventories.errors import Problem
from firedrill.lab import doctor, identity, kernel, providers, uml, uml_base
from firedrill.lab.guest import Guest

HEALTHY = doctor.Machine(
    root=True,
    architecture="x86_64",
    commands=frozenset(doctor.COMMANDS | doctor.NSPAWN_COMMANDS | doctor.UML_COMMANDS),
    cgroups=frozenset({"unified"}),
    filesystems=frozenset({"overlay"}),
    loop=True,
    trials={"bridge": "", "nft": "", "tap": ""},
    shm_type="tmpfs",
    shm_noexec=False,
    shm_free_mib=4096,
    memory_mib=4096,
    cache_free_gib=20.0,
    image="",
    image_loader=False,
    kernel="",
    kernel_trouble="",
)


def guest(name: str = "db1", lab: str = "vms", provider: str = "uml", memory_mib: int = 512) -> Guest:
    return Guest(lab, name, "10.0.0.2", "bridge", "10.0.0.1", 24, 8, memory_mib, provider, "trixie")


def failed(machine: doctor.Machine, provider: str) -> list[str]:
    return [check.name for check in doctor.CHECKS[provider](machine, 512) if not check.ok]


def test_a_healthy_machine_can_run_both():
    assert [row["ok"] for row in doctor.report(HEALTHY)] == [True, True]
    doctor.require(HEALTHY, {"uml": [guest()] * 5, "nspawn": [guest(provider="nspawn")]})


@pytest.mark.parametrize(
    ("lack", "nspawn", "uml_"),
    [
        ({"root": False}, ["root"], ["root"]),
        ({"architecture": "aarch64"}, [], ["architecture"]),
        ({"cgroups": frozenset()}, ["cgroups"], ["cgroups"]),
        ({"cgroups": frozenset({"freezer", "cpu", "memory"})}, [], []),
        ({"filesystems": frozenset()}, ["overlay"], ["overlay"]),
        ({"loop": False}, ["loop devices"], []),
        ({"trials": HEALTHY.trials | {"tap": "Operation not permitted"}}, [], ["tap"]),
        ({"trials": HEALTHY.trials | {"bridge": "not supported"}}, ["bridge"], ["bridge"]),
        ({"trials": HEALTHY.trials | {"nft": "no command"}}, ["nftables"], ["nftables"]),
        ({"shm_type": "none"}, [], ["/dev/shm"]),
        ({"shm_noexec": True}, [], ["/dev/shm executable"]),
        ({"shm_free_mib": 64}, [], ["/dev/shm size"]),
        ({"memory_mib": 300}, [], ["memory"]),
        ({"cache_free_gib": 1.0}, ["disk"], ["disk"]),
        ({"cache_free_gib": 1.0, "image": "cluster-1", "image_loader": True}, [], []),
        ({"image": "cluster-1", "image_loader": False}, [], ["libc"]),
        ({"kernel_trouble": "Debian's user-mode-linux cannot be fetched"}, [], ["user-mode-linux"]),
        ({"kernel_trouble": "no network", "kernel": "7.2um1"}, [], []),
        ({"commands": HEALTHY.commands - {"systemd-nspawn"}}, ["systemd-nspawn"], []),
        ({"commands": HEALTHY.commands - {"mke2fs"}}, [], ["mke2fs"]),
        ({"commands": HEALTHY.commands - {"mmdebstrap"}}, ["mmdebstrap"], ["mmdebstrap"]),
    ],
)  # fmt: skip
def test_each_lack_is_named_and_only_where_it_matters(lack, nspawn, uml_):
    machine = replace(HEALTHY, **lack)
    assert failed(machine, "nspawn") == nspawn
    assert failed(machine, "uml") == uml_


def test_every_lack_has_a_remedy():
    poor = doctor.Machine(
        False, "s390x", frozenset(), frozenset(), frozenset(), False, dict.fromkeys(HEALTHY.trials, "no"),
        "none", True, 0, 0, 0.0, "", False, "", "no network",
    )  # fmt: skip
    for provider, checks in doctor.CHECKS.items():
        for check in checks(poor, 512):
            if check.name == "libc":  # comes with the image, which is not built yet
                continue
            assert not check.ok, (provider, check)
            assert check.found, (provider, check)
            assert check.remedy, (provider, check)


def test_hosts_that_do_not_fit_are_refused_with_the_sum_they_need():
    machine = replace(HEALTHY, shm_free_mib=1000)
    doctor.require(machine, {"uml": [guest()]})
    with pytest.raises(Problem) as refused:
        doctor.require(machine, {"uml": [guest("db1"), guest("db2")]})
    assert refused.value.cause == "uml hosts cannot run here: /dev/shm size: 1000 MiB free, 1024 needed"
    assert "remount,size=1088M" in refused.value.remedy


def test_the_doctor_speaks_json(command):
    rows = json.loads(command("lab", "doctor", "--json").stdout)
    assert [row["provider"] for row in rows] == ["nspawn", "uml"]
    assert {"name", "ok", "found", "remedy"} == set(rows[0]["checks"][0])


def test_an_unknown_provider_is_refused():
    with pytest.raises(Problem, match="db1 has the unknown provider 'qemu': the providers are nspawn, uml"):
        providers.of(guest(provider="qemu"))


def test_link_names_fit_and_differ_between_labs():
    names = {uml.tap(lab, name) for lab in ("vms", "other") for name in ("db1", "a-host-with-a-long-name-1")}
    assert len(names) == 4
    assert max(map(len, names)) <= 15


def test_the_identity_is_an_archive_with_private_keys_private():
    files = identity.every_boot(guest(), "ssh-ed25519 A") | {identity.HOST_KEY: "secret", "etc/hosts": "ü"}
    with tarfile.open(fileobj=io.BytesIO(uml.archive(files))) as tar:
        modes = {member.name: member.mode for member in tar}
        contents = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
    assert modes["root/.ssh"] == 0o700
    assert modes["root/.ssh/authorized_keys"] == modes[identity.HOST_KEY] == 0o600
    assert modes["etc/hostname"] == 0o644
    assert contents["etc/hostname"] == b"db1\n"
    assert b"Address=10.0.0.2/24" in contents["etc/systemd/network/10-host0.network"]


def test_the_kernel_is_relocated_in_place():
    program = b"ELF" + uml_base.LOADER + b"code" + uml_base.LIBRARIES + b"rest"
    moved = uml_base.relocated(program)
    assert len(moved) == len(program)
    assert b"lib/ld.so\0" in moved
    assert b"/lib64" not in moved
    with pytest.raises(Problem, match="not linked as expected"):
        uml_base.relocated(b"another program")


def test_packages_come_from_where_the_images_came_from(tmp_path):
    sources = tmp_path / "etc/apt/sources.list"
    sources.parent.mkdir(parents=True)
    sources.write_text("# none\ndeb [signed-by=/k.gpg] http://mirror.example/debian trixie main\n")
    assert kernel.mirror(tmp_path) == "http://mirror.example/debian"
    sources.write_text("")
    with pytest.raises(Problem, match="has no package source: run `lab image --rebuild`"):
        kernel.mirror(tmp_path)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(uml_base.paths, "CACHE", tmp_path / "cache")
    (tmp_path / "cache").mkdir()
    (tmp_path / "image/etc/apt").mkdir(parents=True)
    (tmp_path / "image/etc/apt/sources.list").write_text("deb http://mirror.example/debian trixie main\n")
    return tmp_path


def test_a_package_that_cannot_be_fetched_leaves_nothing(cache, monkeypatch):
    def refuse(command, **_):
        failure = kernel.CommandFailed("apt failed", "")
        failure.output = "E: Could not resolve the mirror"
        raise failure

    monkeypatch.setattr(kernel, "run", refuse)
    with pytest.raises(Problem) as refused:
        kernel.ensure(cache / "image", lambda text: None)
    assert refused.value.cause == "Debian's user-mode-linux cannot be fetched (E: Could not resolve the mirror)"
    assert "user-mode-linux_*.deb" in refused.value.remedy
    assert list((cache / "cache").iterdir()) == []


def test_a_suite_without_the_package_is_named(cache, monkeypatch):
    monkeypatch.setattr(kernel, "run", lambda command, **_: SimpleNamespace(stdout="\n"))
    with pytest.raises(Problem, match="sid has no package user-mode-linux"):
        kernel.candidate(cache / "image", cache)


def test_an_image_without_libc_is_named(cache):
    with pytest.raises(Problem, match="the image has no libc .*: run `lab image --rebuild`"):
        uml_base._portable_kernel(cache / "image", cache, cache)


def test_a_disk_that_was_never_finished_is_not_taken_for_one(tmp_path):
    disk, base = tmp_path / "disk.cow", tmp_path / "root.ext4"
    base.write_bytes(bytes(8192))
    assert not uml._complete(disk, base)
    disk.write_bytes(uml.COW_MAGIC)
    assert not uml._complete(disk, base)
    disk.write_bytes(uml.COW_MAGIC + bytes(9000))
    assert uml._complete(disk, base)

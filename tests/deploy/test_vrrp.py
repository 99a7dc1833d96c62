"""The filter of VRRP advertisements: what a host reports, and a proxy that is not part of the run."""

import re
import subprocess
from types import SimpleNamespace

import pytest
from jinja2 import Environment, FileSystemLoader

from firedrill import package
from firedrill.deploy import vrrp
from firedrill.deploy.operations import services
from firedrill.deploy.vrrp import DIGEST, KnownMacs, LoadedRules, MacOf, Peer
from firedrill.faults.state import OURS

PEERS = [Peer("192.0.2.32", "02:00:c0:00:02:20"), Peer("192.0.2.33", None)]


def rules(peers: list[Peer], digest: str = "sha256_fd0123456789abcd") -> str:
    templates = Environment(loader=FileSystemLoader(package.file("templates")), trim_blocks=True, lstrip_blocks=True)
    return templates.get_template("vrrp.nft.j2").render(peers=peers, digest=digest)


def test_the_mac_addresses_of_the_last_deploy_are_read_back(tmp_path, monkeypatch):
    file = tmp_path / "vrrp.nft"
    file.write_text(rules(PEERS))
    monkeypatch.setattr("firedrill.deploy.vrrp.RULES", str(file))
    shown = subprocess.run(["sh", "-c", KnownMacs().command()], capture_output=True, text=True, check=True)
    assert KnownMacs().process(shown.stdout.splitlines()) == {"192.0.2.32": "02:00:c0:00:02:20"}


def test_no_file_means_that_none_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr("firedrill.deploy.vrrp.RULES", str(tmp_path / "missing"))
    shown = subprocess.run(["sh", "-c", KnownMacs().command()], capture_output=True, text=True, check=True)
    assert KnownMacs().process(shown.stdout.splitlines()) == {}


def test_a_peer_whose_mac_address_is_unknown_is_checked_by_address():
    assert "ip saddr 192.0.2.33 ip ttl 255 accept" in rules(PEERS)


@pytest.mark.parametrize(
    ("said", "mac"),
    [
        (["02:00:c0:00:02:20"], "02:00:c0:00:02:20"),
        (["02:00:c0:00:02:20 accept; } }; flush ruleset; #"], None),
        (["02:00:c0:00:02:20\n"], None),
        ([], None),
    ],
)
def test_what_a_proxy_says_becomes_no_rule_of_another(said, mac):
    assert MacOf().process(said) == mac


def test_another_filter_replaces_the_loaded_one_in_one_step(monkeypatch):
    """The kernel exchanges the table in one transaction; a restart of the unit would delete it first."""
    facts = {LoadedRules: "sha256_old", services.UnitState: {"UnitFileState": "enabled"}}
    monkeypatch.setattr(vrrp, "host", SimpleNamespace(get_fact=lambda fact, **_: facts[fact]))
    (command,) = vrrp.loaded._inner(digest="sha256_new")
    assert "systemctl reload-or-restart firedrill-vrrp" in command.get_raw_value()
    unit = package.file("templates/firedrill-vrrp.service.j2").read_text()
    assert "ExecReload=/usr/sbin/nft -f /etc/keepalived/vrrp.nft\n" in unit


def test_each_job_of_nftables_that_flushes_all_loads_ours_again():
    text = package.file("templates/firedrill-vrrp.nftables.conf.j2").read_text()
    assert re.findall(r"^(\w+)=-/usr/sbin/nft -f /etc/keepalived/vrrp.nft$", text, re.M) == [
        "ExecStartPost", "ExecReload", "ExecStopPost"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["sha256_fd0123456789abcd", "sha256_0000000000000000"])
def test_the_filter_is_never_taken_for_the_leftover_of_a_fault(name):
    """The ids of injections begin with `fd`; a digest may, too."""
    assert name.startswith(DIGEST)
    assert not [line for line in rules(PEERS, name).splitlines() if OURS.search(line)]


@pytest.mark.parametrize(
    ("programs", "wanted"),
    [
        ({"nft": "echo 'drop comment \"sha256_00ff\"'"}, "sha256_00ff"),
        ({"nft": "exit 1", "unshare": "exit 0"}, "none"),
        ({"nft": "exit 1", "unshare": "exit 1"}, "impossible"),
        ({}, "none"),
    ],
)
def test_what_is_loaded(tmp_path, programs, wanted):
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "grep").symlink_to("/usr/bin/grep")
    environment = {"PATH": str(tmp_path)}
    shown = subprocess.run(
        ["/bin/sh", "-c", LoadedRules().command()], capture_output=True, text=True, check=True, env=environment
    )
    assert LoadedRules().process(shown.stdout.splitlines()) == wanted

"""Options, targets and unit names are accepted or refused; nothing of them reaches a shell unchecked."""

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firedrill.faults import processes, vital
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.network import peers
from firedrill.faults.on_host import OnHost
from firedrill.faults.process.kill import Kill
from firedrill.faults.process.stop_service import StopService
from firedrill.faults.protocol import Refused, Target, check_limit, check_options, option_types
from firedrill.faults.targets import resolve
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.fuzz import few

QUICK = few(60)
NASTY = st.sampled_from([
    "", "x; touch /tmp/pwned", "$(reboot)", "`id`", "*", "-rf", "a\nb", "..", "/etc/../x", "/a b;c", "/$(id)", "'",
    "db1,", "fe80::1%x;y", "group:", "group:app:²", "²", "٣", "0x16", "22", "a" * 5000, "\0", "\ud800", "1.2.3.4/99",
])  # fmt: skip
ON_HOST = sorted(name for name, kind in FAULTS.items() if issubclass(kind, OnHost) and name != "command")
TEXT = NASTY | st.text(max_size=12)
VALUES = {
    str: TEXT,
    int: st.integers() | st.just(True),
    float: st.floats() | st.integers(),
    bool: st.booleans(),
}


@pytest.fixture(scope="module")
def ways() -> Access:
    return Access(read(), Secrets())


@pytest.mark.parametrize("name", FAULTS)
@QUICK
@given(data=st.data())
def test_any_options_are_accepted_or_refused(name, data):
    """Those of the right type, and any value in the place of another."""
    kind = FAULTS[name]
    anything = st.one_of(*VALUES.values(), st.none(), st.binary(max_size=3))
    options = {
        key: data.draw(VALUES[wanted] | anything, label=key)
        for key, wanted in option_types(kind).items()
        if data.draw(st.booleans(), label=f"give {key}")
    }
    try:
        check_options(kind(**options))
    except Refused:
        return


@pytest.mark.parametrize("name", ON_HOST)
@QUICK
@given(data=st.data())
def test_an_accepted_option_stays_one_word_of_the_commands(ways, name, data):
    """A text that is accepted, and then stands in a command, stands there quoted."""
    kind = FAULTS[name]
    texts = [key for key, wanted in option_types(kind).items() if wanted is str]
    if not texts:
        return
    key = data.draw(st.sampled_from(texts))
    text = data.draw(TEXT)
    host = ways.inventory["db1"]
    target = Target("0badcafe", "db1", host, ways, 60, together=(host, ways.inventory["db2"]))
    try:
        fault = kind(**{key: text})
        check_options(fault)
        lines = f"{fault.inject_text(target)}\n{fault.undo_text(target)}"
    except Problem:
        return
    if shlex.quote(text) != text and text in lines:
        assert any(text in word for word in shlex.split(lines)), lines


@QUICK
@given(TEXT)
def test_any_target_is_hosts_or_a_problem(ways, spec):
    if spec.partition(":")[0].strip() in ("leader", "sync_standby", "replica", "etcd_leader", "etcd", "vip_holder"):
        return
    try:
        resolve(spec, ways)
    except Problem:
        return


@QUICK
@given(TEXT, TEXT)
def test_any_peers_and_ports_are_addresses_and_numbers(ways, among, ports):
    target = Target("0badcafe", "db1", ways.inventory["db1"], ways, 60)
    try:
        found = peers.addresses(target, among) + peers.ports_of(target, ports)
    except Problem:
        return
    assert all(set(one) <= set("0123456789abcdef.:/") for one in found)


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf"), 1e9])
def test_no_limit_is_endless(limit):
    with pytest.raises(Refused, match="positive duration"):
        check_limit(limit)


def test_a_unit_of_the_inventory_is_checked(ways):
    host = ways.inventory["db1"]
    host = replace(host, data=host.data | {"units": {"patroni": "x; reboot"}})
    with pytest.raises(Refused, match="is not a unit name"):
        processes.unit("patroni", host)


# What systemd shows of a small host: our login, and the units that matter.
LOGIN = "login 0::/user.slice/user-0.slice/session-3.scope\nlogin 0::/system.slice/ssh.service\n"
UNITS = {
    "ssh.service": "Requires=sysinit.target\nSlice=system.slice\nWants=sshd-keygen.service\nTriggeredBy=ssh.socket",
    "session-3.scope": "Slice=user-0.slice\nWants=systemd-logind.service",
    "systemd-logind.service": "Requires=sysinit.target\nWants=dbus.socket\nSlice=system.slice",
    "dbus.socket": "Requires=sysinit.target\nTriggers=dbus.service",
    "sysinit.target": "Wants=systemd-timesyncd.service\nRequires=local-fs.target",
    "systemd-networkd.service": "Wants=network.target\nBefore=network.target multi-user.target\nSlice=system.slice",
    "docker.service": "Wants=network.target\nBefore=multi-user.target",
    "haproxy.service": "Requires=sysinit.target\nSlice=system.slice\nBefore=multi-user.target",
    "multi-user.target": "Wants=ssh.service haproxy.service",
}


def shown() -> str:
    return LOGIN + "\n".join(f"Id={name}\n{text}\n" for name, text in UNITS.items())


@pytest.mark.parametrize("unit", [
    "ssh.service", "ssh.socket", "sysinit.target", "system.slice", "user-0.slice", "-.slice", "systemd-logind.service",
    "dbus.socket", "dbus.service", "local-fs.target", "timers.target", "session-3.scope",
])  # fmt: skip
def test_what_ssh_depends_on_is_vital(unit):
    assert f"depend on {unit}" in vital.reason(unit, shown())


def test_what_brings_the_network_up_is_vital():
    assert vital.reason("systemd-networkd.service", shown()) == "the network depends on systemd-networkd.service"


@pytest.mark.parametrize("unit", ["haproxy.service", "docker.service", "systemd-timesyncd.service", "unknown.service"])
def test_what_nothing_depends_on_may_stop(unit):
    assert vital.reason(unit, shown()) is None


@pytest.mark.parametrize("answer", ["", "Permission denied", "*** banner ***\nfoo=bar"])
def test_without_an_answer_of_systemd_everything_is_vital(answer):
    assert "may be part of it" in vital.reason("haproxy.service", answer)


@pytest.mark.parametrize(
    "unit", ["multi-user.target", "system.slice", "session-3.scope", "faults-0badcafe.timer", "a b"]
)
def test_what_is_no_service_is_refused_without_asking(ways, unit):
    target = Target("0badcafe", "db1", ways.inventory["db1"], ways, 60)
    with pytest.raises(Refused, match="not a service|not a unit name|part of an injection"):
        vital.refuse(target, unit)


def test_a_units_own_name_is_guarded_by_a_new_login():
    """What systemd knows nothing of may matter to SSH, too."""
    assert StopService("etcd").may_lock_out is False
    assert Kill("patroni").may_lock_out is False
    assert Kill("polkit.service").may_lock_out is True

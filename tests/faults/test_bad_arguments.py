"""Arguments that make no sense are refused before any host is asked."""

import re

import pytest

from firedrill.faults import healing
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.protocol import Refused, Target, check_options
from firedrill.inventories.access import Access
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.labs import ROOT

BLADE = {"backend": "chaosblade"}
BAD = (
    ("power_cut", {"by": "magic"}, "'magic' is not a way to cut power"),
    ("corrupt", {"backend": "magic"}, "no backend 'magic': choose tc or chaosblade"),
    ("corrupt", {"percent": 0.5, **BLADE}, "chaosblade does not accept 0.5 percent"),
    ("loss", {"direction": "both", **BLADE}, "outgoing packets only, found direction both"),
    ("loss", {"by": "firewall", **BLADE}, "by the firewall"),
    ("delay", {"jitter_ms": 10, "distribution": "normal", **BLADE}, "does not support the distribution normal"),
    ("duplicate", {"direction": "in", **BLADE}, "outgoing packets only, found direction in"),
    ("reorder", {"delay_ms": 0.5, **BLADE}, "chaosblade does not accept 0.5 ms"),
    ("cpu", {"backend": "tc"}, "no backend 'tc': choose own or chaosblade"),
    ("cpu", {"percent": 12.5, **BLADE}, "chaosblade does not accept 12.5 percent"),
    ("memory", {"backend": "magic"}, "no backend 'magic'"),
    ("disk_full", {"backend": "magic"}, "no backend 'magic'"),
    ("kill", {"backend": "magic"}, "no backend 'magic'"),
    ("freeze", {"backend": "magic"}, "no backend 'magic'"),
    ("replication_break", {"how": "magic"}, "'magic' is not a way"),
    ("reboot", {"how": "gently"}, "is not a way to reboot"),
    ("kill", {"signal": "FOO"}, "no signal 'FOO'"),
    ("kill", {"process": "x; touch /tmp/pwned"}, "no process 'x; touch /tmp/pwned'"),
    ("freeze", {"process": "*"}, "no process '*'"),
    ("stop_service", {"process": "../x"}, "no process '../x'"),
    ("crash_loop", {"every_s": 0}, "a kill every 0 s"),
    ("crash_loop", {"every_s": float("nan")}, "--every-s is nan: give a finite number"),
    ("crash_loop", {"process": "$(reboot)"}, "no process '$(reboot)'"),
    ("freeze_loop", {"freeze_s": 0}, "a freeze time of 0 s"),
    ("freeze_loop", {"times": -1}, "-1 freezes"),
    ("freeze_loop", {"process": "*"}, "no process '*'"),
    ("storage_hang", {"path": "var"}, "not absolute"),
    ("storage_read_only", {"path": "/var\n/x"}, "not absolute"),
    ("fd_exhaust", {"process": ""}, "no process ''"),
    ("corrupt", {"percent": 0}, "0 % of the packets"),
    ("loss", {"percent": 101}, "101 % of the packets"),
    ("loss", {"by": "magic"}, "'magic' is not a way"),
    ("delay", {"ms": -1}, "-1 ms"),
    ("delay", {"ms": 10, "jitter_ms": 20}, "no more jitter"),
    ("delay", {"distribution": "zipf"}, "no distribution 'zipf'"),
    ("duplicate", {"direction": "up"}, "no direction 'up'"),
    ("reorder", {"delay_ms": 0}, "so that packets can be overtaken"),
    ("rate", {"kbit": 1}, "1 kbit/s"),
    ("rate", {"kbit": "fast"}, "--kbit is 'fast': give a value of type float"),
    ("rate", {"kbit": True}, "--kbit is True"),
    ("rate", {"backend": "chaosblade"}, "no backend 'chaosblade': choose tc"),
    ("partition", {"shape": "star"}, "no shape 'star'"),
    ("partition", {"shape": "halves", "peers": "db2"}, "takes no peers"),
    ("partition", {"shape": "one_way", "direction": "both"}, "no direction 'both'"),
    ("drop", {}, "neither peers nor ports"),
    ("drop", {"ports": "0"}, "no port '0'"),
    ("reject", {"ports": "HTTP!"}, "no port 'HTTP!'"),
    ("reject", {"ports": "70000"}, "no port '70000'"),
    ("reject", {"ports": "٣"}, "no port '٣'"),
    ("dns", {"how": "lie"}, "'lie' is not a way"),
    ("cpu", {"percent": 120}, "120 % of a processor"),
    ("cpu", {"cores": -1}, "-1 processors"),
    ("memory", {"percent": 99}, "OOM killer"),
    ("memory", {"margin_mib": 1}, "leave at least 16 MiB"),
    ("disk_io", {"workers": 0}, "0 workers"),
    ("disk_io", {"path": "var"}, "not absolute"),
    ("disk_full", {"percent": 0}, "0 % of a disk"),
    ("disk_full", {"path": "/var\n/x"}, "is not absolute"),
    ("disk_full", {"margin_mib": 0}, "a margin of 0 MiB"),
    ("clock_jump", {"seconds": 0}, "a jump of 0 s"),
    ("clock_drift", {"ppm": 1e6}, "a drift of 1e+06 ppm"),
    ("clock_drift", {"ppm": -500}, "a drift of -500 ppm"),
    ("etcd_quorum_loss", {"means": "magic"}, "no means 'magic'"),
    ("replication_break", {"user": "x; DROP"}, "no user"),
    ("switchover", {"within_s": 0}, "a switchover within 0 s"),
    ("command", {"do": "true"}, "give all three"),
)


@pytest.fixture(scope="module")
def ways() -> Access:
    return Access(read(), Secrets())


@pytest.mark.parametrize(("name", "given", "said"), BAD, ids=[f"{name}-{said[:20]}" for name, _, said in BAD])
def test_bad_arguments_are_refused(ways, name, given, said):
    host = ways.inventory["etcd1"]
    fault = FAULTS[name](**given)
    with pytest.raises(Refused, match=re.escape(said)):
        check_options(fault)
    with pytest.raises(Refused):
        fault.refuse(Target("00000000", "etcd1", host, ways, 60, None, together=(host,)))


def test_every_fault_with_options_has_bad_ones():
    without = {"poweroff", "pause"}
    assert {name for name, _, _ in BAD} == set(FAULTS) - without


@pytest.mark.parametrize("wrong", ["", "../../victim", "zzzzzzzz", "0BADCAFE", "12345678\n"])
def test_what_is_no_id_of_an_injection_is_refused(monkeypatch, wrong):
    monkeypatch.setattr(healing, "connected", lambda hosts: pytest.fail("hosts were asked"))
    ways = Access(read(ROOT / "inventories/lab.py"), Secrets({}))
    with pytest.raises(Problem, match="is not the id of an injection"):
        healing.named(ways, {wrong}, lambda *_: None, lambda _: None)

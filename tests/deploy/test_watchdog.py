"""When softdog is loaded, and when a required watchdog is refused."""

import pytest

from firedrill.deploy.watchdog import loadable, refuse_missing
from firedrill.inventories import values
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import defaults, with_defaults


@pytest.mark.parametrize(
    ("found", "device", "wanted"),
    [
        ({"softdog"}, "/dev/watchdog", True),
        ({"softdog"}, "/dev/watchdog0", True),
        ({"softdog"}, "/dev/watchdog1", False),
        ({"softdog", "device"}, "/dev/watchdog", False),
        # The module is this machine's: a container may not load it for all others.
        ({"softdog", "container"}, "/dev/watchdog", False),
        (set(), "/dev/watchdog", False),
    ],
)
def test_softdog_is_loaded_where_it_is_the_only_watchdog(found, device, wanted):
    assert loadable(found, device) is wanted


def test_a_required_watchdog_that_cannot_be_had_is_refused():
    for found in ({"device"}, {"softdog"}, {"device", "container"}):
        refuse_missing("db1", "/dev/watchdog", found)
    with pytest.raises(InventoryProblem, match=r"db1: the watchdog is required, and there is no /dev/watchdog \(its k"):
        refuse_missing("db1", "/dev/watchdog", set())
    with pytest.raises(InventoryProblem, match=r"a container has none\): give the machine a watchdog, or set the mode"):
        refuse_missing("db1", "/dev/watchdog", {"softdog", "container"})


def test_a_mode_alone_keeps_the_device():
    found = with_defaults({"watchdog": {"mode": "required"}}, defaults())
    assert found["watchdog"] == {"mode": "required", "device": "/dev/watchdog"}


@pytest.mark.parametrize(
    "given", [{"mode": "on"}, {"device": "/dev/x; reboot"}, {"device": "/etc/passwd"}, {"mode": []}, 7]
)
def test_another_mode_or_device_is_refused(given):
    with pytest.raises(InventoryProblem, match="give it a dictionary: `mode` automatic, required or off"):
        values.check("db1", {"watchdog": given})

"""The watchdog of a database host. If Patroni hangs on the leader, it resets the host before another node may lead.

A host without a device gets the kernel's softdog if its kernel has that module. A container has neither.
"""

from pyinfra import host
from pyinfra.api import FactBase, QuoteString, StringCommand, operation

from firedrill.deploy import gate, topology
from firedrill.inventories.errors import InventoryProblem

# The devices that softdog creates on a host without another one.
OF_SOFTDOG = ("/dev/watchdog", "/dev/watchdog0")
# Loaded at each boot. An open softdog can be closed, or a leader that steps down would be reset.
LOAD = (
    "echo softdog >/etc/modules-load.d/firedrill-watchdog.conf"
    " && echo 'options softdog nowayout=0' >/etc/modprobe.d/firedrill-watchdog.conf && modprobe softdog"
)


class Found(FactBase[set[str]]):
    """Of `device`, `container` and `softdog` (the module is there), what holds for the host."""

    default = set

    def command(self, device: str) -> StringCommand:
        return StringCommand(
            "[ -c", QuoteString(device), "] && echo device;",
            "systemd-detect-virt --quiet --container && echo container;",
            "modinfo softdog >/dev/null 2>&1 && echo softdog; true",
        )  # fmt: skip

    def process(self, output: list[str]) -> set[str]:
        return set(output)


def loadable(found: set[str], device: str) -> bool:
    """Whether loading softdog gives the host this device."""
    return "softdog" in found and not found & {"device", "container"} and device in OF_SOFTDOG


def refuse_missing(name: str, device: str, found: set[str]) -> None:
    """Raises InventoryProblem unless the host has the device, or will have it."""
    if "device" in found or loadable(found, device):
        return
    where = "a container has none" if "container" in found else "its kernel cannot load softdog"
    raise InventoryProblem(
        f"{name}: the watchdog is required, and there is no {device} ({where})",
        "give the machine a watchdog, or set the mode to 'automatic'",
    )


def watchdog() -> None:
    """Load softdog where it is the only watchdog."""
    gate.through()
    if topology.has("postgres") and topology.data()["watchdog"]["mode"] != "off":
        loaded(name="Load a watchdog where the host has none", device=topology.data()["watchdog"]["device"])


@operation()
def loaded(device: str):
    """
    Load softdog, now and at each boot, if the host has no watchdog and its kernel has the module.

    + device: the path that Patroni opens
    """
    if loadable(host.get_fact(Found, device=device), device):
        yield StringCommand(LOAD)
    else:
        host.noop("the host has a watchdog, or cannot have one")

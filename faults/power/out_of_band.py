"""What faults of a whole host share: proofs that it is silent, and on again; what it lost while it was off."""

import time
from collections.abc import Callable
from typing import Any, ClassVar

from firedrill.cluster import login, ssh
from firedrill.cluster.ssh import Connection
from firedrill.faults.power.press import press
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, poll

OFF_SECONDS = 150  # an orderly shutdown may wait 90 s for a service that does not stop
ON_SECONDS = 120
SILENT_SECONDS = 5
LOOK_S = 0.5
STILL_SECONDS = 1


class OutOfBand:
    """A fault that the host cannot undo itself: a process at the controller runs the command at the limit."""

    heals_itself_on_host: ClassVar[bool] = False
    may_lock_out: ClassVar[bool] = False

    def check(self) -> None:
        """Raise Refused where the options alone are wrong."""

    def snapshot(self, target: Target) -> dict[str, Any]:
        return snapshot(target)

    def arm(self, target: Target, journal: dict[str, Any]) -> None:
        """The engine has started the process that heals."""

    def still(self, target: Target) -> str | None:
        return still_silent(target)

    def heal(self, target: Target) -> str:
        return power_on(target)

    def status(self, target: Target) -> str:
        return describe(target)


def need_silence(target: Target) -> None:
    """Raises Refused where it cannot be verified that the host falls silent."""
    if login.of(target.host).command:
        raise Refused(
            f"{target.host.name} is behind a ProxyCommand, so it cannot be verified that it is off", "use ProxyJump"
        )


def boot_mark(connection: Connection) -> str:
    """A text that differs after each boot, in containers too, which share a boot id: when PID 1 began."""
    shown: str = ssh.sh(connection, "cat /proc/sys/kernel/random/boot_id; cut -d' ' -f22 /proc/1/stat")
    return shown.replace("\n", " ")


def prove_off(target: Target, seconds: float = OFF_SECONDS) -> str:
    """Wait until the host does not answer SSH. Raises NotEffective."""
    try:
        took = ssh.wait(target.host, up=False, seconds=seconds)
    except TimeoutError as error:
        raise NotEffective(str(error), "does its command work?") from None
    return f"{target.host.name} no longer answers SSH ({took * 1000:.0f} ms after the command returned)"


def still_silent(target: Target) -> str:
    """One look: the host does not answer. Raises NotEffective."""
    if ssh.answers(target.host, STILL_SECONDS):
        raise NotEffective(f"{target.host.name} answers SSH again", "did something else switch it on?")
    return f"{target.host.name} does not answer SSH"


def prove_rebooted(target: Target, seconds: float) -> str:
    """Silent, or up already after another boot: a fast host may reboot between two checks. Raises NotEffective."""
    if not poll(lambda: ssh.silent(target.host) is not None or _booted(target), seconds):
        raise NotEffective(f"{target.host.name} still runs after {seconds:g} s", "")
    return f"{target.host.name} went down"


def _booted(target: Target) -> bool:
    try:
        with ssh.connect(target.host) as connection:
            return bool(boot_mark(connection) != target.before["boot"])
    except ssh.Unreachable:
        return False  # it went down just now, or is busy: the next check tells


def power_on(target: Target) -> str:
    """Switch the host on unless it answers, and prove it clean. Raises NotClean."""

    def switch_on() -> None:
        if not ssh.answers(target.host):
            press(target, "power_on")

    return bring_back(target, switch_on)


def bring_back(target: Target, act: Callable[[], object], seconds: float = ON_SECONDS) -> str:
    """Act, wait for the host, and prove it clean; again if a power command acts only now. Raises NotClean."""
    act()
    evidence = wait_on(target, seconds)
    while _is_silenced_late(target):
        act()
        evidence = f"{wait_on(target, seconds)}; its power command acted late"
    return evidence


def _is_silenced_late(target: Target) -> bool:
    """Whether the host falls silent while a command that was given to its power may still act."""
    if time.monotonic() >= target.pending_until or _booted(target):
        return False
    while time.monotonic() < target.pending_until:
        if ssh.silent(target.host) is not None:
            return True
        time.sleep(LOOK_S)
    return False


def wait_on(target: Target, seconds: float = ON_SECONDS) -> str:
    """Wait for the host; return whether it booted, and the proof that no unit failed then. Raises NotClean."""
    try:
        took = ssh.wait(target.host, up=True, seconds=seconds)
    except TimeoutError as error:
        raise NotClean(str(error), "look at its console") from None
    with ssh.connect(target.host) as connection:
        how = prove_clean(target, connection)
    return f"{target.host.name} answers SSH (waited {took:.1f} s), {how}"


def prove_clean(target: Target, connection: Connection) -> str:
    """Whether it booted, in words, and that no unit failed at that boot. Raises NotClean.

    On a host that did not boot, a unit that failed is none of the fault's.
    """
    new = ", ".join(sorted(set(failed_units(connection)) - set(target.before.get("failed", []))))
    if boot_mark(connection) == target.before.get("boot"):
        return f"never went down{f'; changed meanwhile, not by this fault: failed {new}' if new else ''}"
    if new:
        raise NotClean(f"{target.host.name}: failed units since its boot: {new}", "look at their journal")
    return "rebooted, no failed unit"


def failed_units(connection: Connection) -> list[str]:
    """The names of the systemd units in state failed."""
    shown = ssh.sh(connection, "systemctl list-units --failed --plain --no-legend")
    return [line.split()[0] for line in shown.splitlines() if line.strip()]


def describe(target: Target) -> str:
    """Whether the host answers, in words."""
    return "on: answers SSH" if ssh.answers(target.host) else "off: does not answer SSH"


def snapshot(target: Target) -> dict[str, Any]:
    """What `power_on` compares with later."""
    connection = target.ssh  # a host that is off cannot lose its power
    return {"boot": boot_mark(connection), "failed": failed_units(connection)}

"""The lab of an inventory: bring it up, take it down, and give each host its power button.

Every verb looks at the machine, not at what an earlier run wrote down, so a state left by a killed run, or by a
machine that was reset, is only another state to start from.
"""

import fcntl
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Inventory
from firedrill.lab import cgroups, doctor, image, mounts, network, paths, providers, sysctls
from firedrill.lab.guest import Guest, Tell, cpu_seconds, guest_of
from firedrill.lab.run import run

SYSCTLS = "sysctls.json"
BOOT_SECONDS = 60
STOP_SECONDS = 60
PARALLEL = 8


class Lab:
    """The hosts of one inventory on this machine."""

    def __init__(self, inventory: Inventory) -> None:
        settings = inventory.data.get("lab")
        if not settings:
            raise Problem(
                f"{inventory.path} has no `lab` settings", "its hosts are not made here; see inventories/lab.py"
            )
        self.inventory = inventory
        self.name: str = settings["name"]
        self.network = network.Network(self.name, settings["bridge"], settings["address"])
        self.folder = paths.STATE / self.name
        self.guests = [guest_of(inventory, host) for host in inventory.hosts]

    def __getitem__(self, name: str) -> Guest:
        self.inventory[name]  # says which names there are
        return next(guest for guest in self.guests if guest.name == name)

    # The whole lab

    def up(self, *, bare: bool, tell: Tell) -> None:
        """Make and boot every host that is not running, and wait until all answer SSH."""
        need_root()
        network.check(self.network)
        self._check_machine(self.guests)
        base = image.ensure(bare=bare, tell=tell)
        for name, guests in providers.group(self.guests).items():
            providers.PROVIDERS[name].prepare(guests, base, tell)
        began = time.monotonic()
        _each(_settle, self.guests)
        with self._locked():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._check_image(base, tell)
            self._sweep_strangers()
            network.up(self.network)
            sysctls.up(paths.STATE / SYSCTLS)
            self._key()
            booted = self._boot(self.guests)
        _wait(self.guests, booted, began, tell)
        _hold_known_hosts(self.folder / "known_hosts", self.guests)

    def down(self, tell: Tell) -> None:
        """Remove the hosts with their disks, and every trace on this machine but the cached image."""
        need_root()
        with self._locked():
            for name in self._known_names():
                self._off(name)
            mounts.unmount(self.folder)
            shutil.rmtree(self.folder, ignore_errors=True)
            cgroups.remove(self.name)
            network.down(self.network)
            if not _labs():
                sysctls.down(paths.STATE / SYSCTLS)
            if paths.STATE.exists() and not list(paths.STATE.iterdir()):
                paths.STATE.rmdir()
        tell(f"{self.name}: gone")

    def status(self) -> list[dict]:
        """One row a host: state (running, booting, paused, off, absent), address, roles, memory and CPU used."""
        with ThreadPoolExecutor(PARALLEL) as pool:
            return list(pool.map(self._status_of, self.guests))

    # One host

    def start(self, name: str, tell: Tell) -> None:
        """Power a host on and wait until it answers SSH. On already: nothing to do."""
        need_root()
        target = self[name]
        if not _made(target):
            raise Problem(f"{name} was never made", "run `lab up` first")
        self._check_machine([target])
        began = time.monotonic()
        _settle(target)
        with self._locked():
            booted = self._boot([target])
        _wait([target], booted, began, tell)

    def stop(self, name: str) -> None:
        """An orderly poweroff, as by the power button. Raises Problem when it takes too long."""
        need_root()
        target = self[name]
        providers.of(target).poweroff(target)
        deadline = time.monotonic() + STOP_SECONDS
        while target.processes:
            if time.monotonic() > deadline:
                raise Problem(f"{name} is still on {STOP_SECONDS} s after its poweroff", f"run `lab cut {name}`")
            time.sleep(0.05)
        providers.of(target).clear(self.name, name)

    def cut(self, name: str) -> str:
        """Instant death, as by a pulled plug. Returns the UTC time of it, to the nanosecond."""
        need_root()
        target = self[name]
        moment = time.time_ns()
        if pid := _init(target):
            providers.of(target).unplug(target)
            _kill(pid)
        self._off(name)
        return _utc(moment)

    def pause(self, name: str) -> str:
        """Freeze the whole host; its network falls silent, and its clock goes on. Returns when, as `cut` does."""
        need_root()
        target = self[name]
        if _init(target) is None:
            raise Problem(f"{name} is off", f"run `lab start {name}` first")
        moment = time.time_ns()
        providers.of(target).silence(target, silent=True)
        cgroups.freeze(self.name, name, frozen=True)
        return _utc(moment)

    def resume(self, name: str) -> None:
        """Thaw a paused host."""
        need_root()
        cgroups.freeze(self.name, name, frozen=False)
        providers.of(self[name]).silence(self[name], silent=False)

    # How

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One at a time on this machine: labs share the forwarding, and the last one down puts it back.

        Nobody waits for a host with it: one that boots slowly must not delay the power of another lab's hosts.
        """
        paths.STATE.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(paths.STATE.parent, os.O_RDONLY)  # a folder can be locked, and leaves no lock file behind
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _boot(self, guests: list[Guest]) -> list[Guest]:
        """Boot those that are off, and return them."""
        base = Path((self.folder / "image").read_text())
        key = (self.folder / "ssh_key.pub").read_text()

        def boot(guest: Guest) -> None:
            cgroups.kill(self.name, guest.name)  # a supervisor whose guest died, or the reverse
            cgroups.remove(self.name, guest.name)
            cgroups.prepare(self.name, guest.name, len(self.guests))
            providers.of(guest).boot(guest, base, key)

        off = [guest for guest in guests if _init(guest) is None]
        _each(boot, off)
        return off

    def _off(self, name: str) -> None:
        """End every process of the host, whichever provider made it, and take it off the network."""
        cgroups.kill(self.name, name)
        for provider in providers.PROVIDERS.values():
            provider.clear(self.name, name)

    def _check_machine(self, guests: list[Guest]) -> None:
        """Refuse what this machine cannot run, before anything is made."""
        for guest in guests:
            providers.of(guest)  # says which providers there are
        if todo := [guest for guest in guests if _init(guest) is None]:
            doctor.require(doctor.look(), providers.group(todo))

    def _check_image(self, base: Path, tell: Tell) -> None:
        """Hosts keep the image they were made from, also when a newer one was built since."""
        file = self.folder / "image"
        made_from = Path(file.read_text()) if file.exists() else None
        if made_from is None or not made_from.exists():
            for name in self._known_names():
                self._off(name)
            mounts.unmount(self.folder)
            shutil.rmtree(self.folder / "hosts", ignore_errors=True)
            file.write_text(str(base))
        elif image.kind(made_from) != image.kind(base):
            raise Problem(
                f"the lab {self.name} was made from the {image.kind(made_from)} image",
                "run `lab down` first, or `lab up` with the same --bare as before",
            )
        elif made_from != base:
            tell(f"{self.name}: hosts stay on the image {made_from.name}; `lab down`, `lab up` give them {base.name}")

    def _sweep_strangers(self) -> None:
        """Hosts that an earlier version of the inventory named, or gave another provider."""
        keep = {guest.name for guest in self.guests if _made(guest) or not _made_otherwise(guest)}
        for name in self._known_names() - keep:
            self._off(name)
            cgroups.remove(self.name, name)
            mounts.unmount(self.folder / "hosts" / name)
            shutil.rmtree(self.folder / "hosts" / name, ignore_errors=True)
        for guest in self.guests:
            if guest.name not in keep:
                network.forget(self.network, guest.address)

    def _known_names(self) -> set[str]:
        made = self.folder / "hosts"
        running = {
            path.name
            for mount in cgroups.hierarchies().values()
            for path in (mount / cgroups.ROOT / self.name).glob("*/")
        }
        return (
            {guest.name for guest in self.guests}
            | running
            | ({p.name for p in made.iterdir()} if made.exists() else set())
        )

    def _key(self) -> None:
        if not (self.folder / "ssh_key.pub").exists():
            (self.folder / "ssh_key").unlink(missing_ok=True)
            run(
                [
                    "ssh-keygen",
                    "-q",
                    "-t",
                    "ed25519",
                    "-N",
                    "",
                    "-C",
                    f"firedrill {self.name}",
                    "-f",
                    str(self.folder / "ssh_key"),
                ]
            )

    def _status_of(self, target: Guest) -> dict:
        pids = target.processes
        return {
            "name": target.name,
            "state": self._state(target),
            "address": target.address,
            "roles": list(self.inventory[target.name].roles),
            "processes": len(pids),
            "cpu_s": round(cpu_seconds(pids), 1),
        }

    def _state(self, target: Guest) -> str:
        if _init(target) is None:
            return "off" if _made(target) else "absent"
        if cgroups.frozen(self.name, target.name):
            return "paused"
        return "running" if _answers_ssh(target, 1) else "booting"


def need_root() -> None:
    """Refuse early who may not make hosts."""
    if os.geteuid() != 0:
        raise Problem("hosts can only be made by root", "run it with sudo or as root")


def _init(target: Guest) -> int | None:
    return providers.of(target).init(target)


def _made(target: Guest) -> bool:
    return providers.of(target).disk_of(target).exists()


def _made_otherwise(target: Guest) -> bool:
    return any(provider.disk_of(target).exists() for provider in providers.PROVIDERS.values())


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def _utc(moment: int) -> str:
    """A time in ns since the epoch, as text in UTC."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment // 10**9))}.{moment % 10**9:09d}Z"


def _labs() -> list[str]:
    """The labs that this machine has now."""
    return [path.name for path in paths.STATE.iterdir() if path.is_dir()] if paths.STATE.exists() else []


def _answers_ssh(target: Guest, seconds: float) -> bool:
    try:
        with socket.create_connection((target.address, 22), timeout=seconds) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _each(act: Callable[[Guest], None], guests: list[Guest]) -> None:
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(act, guests))


def _wait(guests: list[Guest], booted: list[Guest], began: float, tell: Tell) -> None:
    """Wait until all answer SSH, and report those that had to boot."""
    _each(_wait_for_ssh, guests)
    if booted:
        tell(f"{', '.join(guest.name for guest in booted)}: up after {time.monotonic() - began:.1f} s")


def _settle(target: Guest) -> None:
    """A host that is on and silent is on its way up, or down: wait until it is clear which."""
    deadline = time.monotonic() + BOOT_SECONDS
    while _init(target) is not None and not _answers_ssh(target, 1) and time.monotonic() < deadline:
        time.sleep(0.05)


def _wait_for_ssh(target: Guest) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while not _answers_ssh(target, 1):
        if time.monotonic() > deadline or not target.processes:
            log = target.folder / "console.log"
            last = (log.read_text(errors="replace").strip() or "an empty console").splitlines()[-1]
            raise Problem(f"{target.name} did not come up to SSH ({last})", f"its console is {log}")
        time.sleep(0.05)


def _hold_known_hosts(file: Path, guests: list[Guest]) -> None:
    lines = [f"{guest.address} {providers.of(guest).host_key(guest)}" for guest in guests]
    file.write_text("".join(lines))


def as_json(rows: list[dict]) -> str:
    return json.dumps(rows, indent=1)

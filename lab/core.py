"""The lab of an inventory: create it, remove it, and control the power of each host.

Every verb inspects the machine instead of notes of an earlier run. The state left by a killed run, or by a machine
that was reset, is therefore just another initial state.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from firedrill.inventories import drill_lock
from firedrill.inventories.errors import Problem
from firedrill.inventories.read import Inventory
from firedrill.lab import cgroups, doctor, image, mounts, network, paths, providers, reach, sysctls
from firedrill.lab.guest import Guest, Tell, guest_of
from firedrill.lab.run import run

SYSCTLS = "sysctls.json"
STOP_SECONDS = 60


class Lab:
    """The hosts of one inventory on this machine."""

    def __init__(self, inventory: Inventory) -> None:
        settings = inventory.data.get("lab")
        if not settings:
            raise Problem(f"{inventory.path} has no `lab` settings", "its hosts are not local; see inventories/lab.py")
        self.inventory = inventory
        self.name: str = settings["name"]
        self.network = network.Network(self.name, settings["bridge"], settings["address"])
        self.folder = paths.STATE / self.name
        self.guests = [guest_of(inventory, host) for host in inventory.hosts]

    def __getitem__(self, name: str) -> Guest:
        self.inventory[name]  # raises with the known names
        return next(guest for guest in self.guests if guest.name == name)

    def ssh(self, name: str, *options: str) -> list[str]:
        """The command that logs in to a host, as root or as its ordinary user; append what to run there."""
        user = self[name].user
        known = ["-i", str(self.folder / "ssh_key"), "-o", f"UserKnownHostsFile={self.folder / 'known_hosts'}"]
        who = user.name if user else "root"
        return ["ssh", *known, "-o", "LogLevel=ERROR", *options, f"{who}@{self[name].address}"]

    # The whole lab

    def up(self, *, bare: bool, tell: Tell) -> None:
        """Create and boot every host that is not running, and wait until all answer SSH."""
        need_root()
        network.check(self.network)
        self._check_machine(self.guests)
        roles = {role for host in self.inventory.hosts for role in host.roles}
        added = () if bare else image.additions(roles)
        bases = {
            release: image.ensure(release, bare=bare, added=added, tell=tell)
            for release in sorted({guest.release for guest in self.guests})
        }
        for name, guests in providers.group(self.guests).items():
            for release, base in bases.items():
                if mine := [guest for guest in guests if guest.release == release]:
                    providers.PROVIDERS[name].prepare(mine, base, tell)
        began = time.monotonic()
        reach.each(reach.settle, self.guests)
        with self._locked():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._remove_unlisted()
            self._check_images(bases, tell)
            network.up(self.network)
            sysctls.up(paths.STATE / SYSCTLS)
            self._key()
            booted = self._boot(self.guests)
        reach.wait(self.guests, booted, began, tell)
        reach.write_known_hosts(self.folder / "known_hosts", self.guests)

    def down(self, tell: Tell, *, force: bool = False) -> None:
        """Remove the hosts with their disks and everything else of the lab on this machine but the cached image.

        Refused while a drill is running, unless forced.
        """
        need_root()
        if not force and (holder := drill_lock.holder(self.inventory)):
            raise Problem(holder.running(self.name), "wait until it has ended, or use --force")
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
        tell(f"{self.name}: removed")

    def status(self) -> list[dict]:
        """One row per host: state (running, booting, paused, off, absent), address, roles, processes and CPU time."""
        with ThreadPoolExecutor(reach.PARALLEL) as pool:
            return list(pool.map(self._status_of, self.guests))

    # One host

    def start(self, name: str, tell: Tell) -> None:
        """Power a host on and wait until it answers SSH. Does nothing if it is on."""
        need_root()
        target = self[name]
        if not _made(target):
            raise Problem(f"{name} does not exist", "run `lab up` first")
        self._check_machine([target])
        began = time.monotonic()
        reach.settle(target)
        with self._locked():
            booted = self._boot([target])
        reach.wait([target], booted, began, tell)

    def stop(self, name: str) -> None:
        """Shut a host down as by its power button. Raises Problem if that takes too long."""
        need_root()
        target = self[name]
        providers.of(target).poweroff(target)
        deadline = time.monotonic() + STOP_SECONDS
        while target.processes:
            if time.monotonic() > deadline:
                raise Problem(
                    f"{name} is still on {STOP_SECONDS} s after the poweroff request", f"run `lab cut {name}`"
                )
            time.sleep(0.05)
        providers.of(target).clear(self.name, name)

    def cut(self, name: str) -> str:
        """Cut the power: instant, without shutdown. Returns the moment in UTC, to the nanosecond."""
        need_root()
        target = self[name]
        moment = time.time_ns()
        if pid := _init(target):
            providers.of(target).unplug(target)
            _kill(pid)
        self._off(name)
        return _utc(moment)

    def pause(self, name: str) -> str:
        """Freeze a host and its network; its clock continues. Returns the moment, as `cut` does."""
        need_root()
        target = self[name]
        if _init(target) is None:
            raise Problem(f"{name} is off", f"run `lab start {name}` first")
        moment = time.time_ns()
        providers.of(target).silence(target, silent=True)
        cgroups.freeze(self.name, name, frozen=True)
        return _utc(moment)

    def resume(self, name: str) -> None:
        """Resume a paused host."""
        need_root()
        cgroups.freeze(self.name, name, frozen=False)
        providers.of(self[name]).silence(self[name], silent=False)

    # Implementation

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One change at a time on this machine: labs share sysctls, which the last one to go down restores.

        Not held while waiting for hosts: a slow boot must not delay power commands of another lab.
        """
        paths.STATE.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(paths.STATE.parent, os.O_RDONLY)  # locking a folder leaves no lock file
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _boot(self, guests: list[Guest]) -> list[Guest]:
        """Boot the hosts that are off, and return them."""
        key = (self.folder / "ssh_key.pub").read_text()

        def boot(guest: Guest) -> None:
            cgroups.kill(self.name, guest.name)  # a supervisor without its guest, or the reverse
            cgroups.remove(self.name, guest.name)
            cgroups.prepare(self.name, guest.name, len(self.guests))
            assert guest.image  # recorded by _check_images
            providers.of(guest).boot(guest, guest.image, key)

        off = [guest for guest in guests if _init(guest) is None]
        reach.each(boot, off)
        return off

    def _off(self, name: str) -> None:
        """Kill every process of the host, whichever provider runs it, and remove it from the network."""
        cgroups.kill(self.name, name)
        for provider in providers.PROVIDERS.values():
            provider.clear(self.name, name)

    def _check_machine(self, guests: list[Guest]) -> None:
        """Refuse what this machine cannot run, before anything is created."""
        for guest in guests:
            providers.of(guest)  # raises with the known providers
        if todo := [guest for guest in guests if _init(guest) is None]:
            doctor.require(doctor.look(), providers.group(todo))

    def _check_images(self, bases: dict[str, Path], tell: Tell) -> None:
        """Hosts keep the image they were created from, even if a newer one was built since."""
        kept = set()
        for guest in self.guests:
            base, made_from = bases[guest.release], guest.image
            if made_from is None or not made_from.exists():
                self._remove(guest.name)
                guest.folder.mkdir(parents=True)
                (guest.folder / "image").write_text(str(base))
            elif (was := _described(made_from)) != _described(base):
                raise Problem(
                    f"{guest.name} of the lab {self.name} was created from the {was}, not from the {_described(base)}",
                    "run `lab down` first, or `lab up` with the same --bare and `release` as before",
                )
            elif made_from != base:
                kept.add(f"{made_from.name} (the current one is {base.name})")
        for text in sorted(kept):
            tell(f"{self.name}: hosts keep the image {text}; `lab down` and `lab up` switch")

    def _remove_unlisted(self) -> None:
        """Remove hosts that are no longer in the inventory, or now have another provider."""
        keep = {guest.name for guest in self.guests if _made(guest) or not _made_otherwise(guest)}
        for name in self._known_names() - keep:
            self._remove(name)
        for guest in self.guests:
            if guest.name not in keep:
                network.forget(self.network, guest.address)

    def _remove(self, name: str) -> None:
        """Remove a host with its disk."""
        self._off(name)
        cgroups.remove(self.name, name)
        mounts.unmount(self.folder / "hosts" / name)
        shutil.rmtree(self.folder / "hosts" / name, ignore_errors=True)

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
            name = f"firedrill {self.name}"
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.folder / "ssh_key")])

    def _status_of(self, target: Guest) -> dict:
        return {
            "name": target.name,
            "state": self._state(target),
            "address": target.address,
            "roles": list(self.inventory[target.name].roles),
            "processes": len(target.processes),
            "cpu_s": round(cgroups.cpu_seconds(self.name, target.name), 1),
        }

    def _state(self, target: Guest) -> str:
        if _init(target) is None:
            return "off" if _made(target) else "absent"
        if cgroups.frozen(self.name, target.name):
            return "paused"
        return "running" if reach.answers_ssh(target) else "booting"


def need_root() -> None:
    """Refuse anyone but root before anything is touched."""
    if os.geteuid() != 0:
        raise Problem("only root can create hosts", "run it with sudo or as root")


def _init(target: Guest) -> int | None:
    return providers.of(target).init(target)


def _made(target: Guest) -> bool:
    return providers.of(target).disk_of(target).exists()


def _made_otherwise(target: Guest) -> bool:
    return any(provider.disk_of(target).exists() for provider in providers.PROVIDERS.values())


def _described(base: Path) -> str:
    """An image as messages name it."""
    return f"{image.kind(base)} image of {image.release(base)}"


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def _utc(moment: int) -> str:
    """Nanoseconds since the epoch as text in UTC."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment // 10**9))}.{moment % 10**9:09d}Z"


def _labs() -> list[str]:
    """The labs on this machine."""
    return [path.name for path in paths.STATE.iterdir() if path.is_dir()] if paths.STATE.exists() else []


def as_json(rows: list[dict]) -> str:
    return json.dumps(rows, indent=1)

"""A cgroup per host, in every hierarchy of this machine: v1, v2 or both.

Without it, the systemd of a host would run in the caller's cgroup and conflict with that of the next host. The cgroup
also carries the host's CPU share, freezes all its processes at the same moment, and identifies them.
"""

import errno
import os
import signal
import time
from functools import cache
from pathlib import Path

ROOT = "firedrill"
SHARE_V1 = 1024
WEIGHT_V2 = 100
# A new v1 cpuset accepts no process before its cpus and mems are set.
SKIPPED = {"cpuset"}


@cache
def hierarchies() -> dict[str, Path]:
    """The mounted hierarchies: controller (or "unified", or "name=systemd") to its mount point."""
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup2":
            found.setdefault("unified", Path(where))
        elif kind == "cgroup":
            names = [o for o in options.split(",") if o in V1_CONTROLLERS or o.startswith("name=")]
            if names and not SKIPPED & set(names):
                found.setdefault(",".join(names), Path(where))
    return found


V1_CONTROLLERS = {
    "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids",
    "net_cls", "net_prio", "perf_event", "hugetlb",
}  # fmt: skip


def _controller(name: str) -> Path | None:
    return next((mount for key, mount in hierarchies().items() if name in key.split(",")), None)


def prepare(lab: str, host: str, hosts: int) -> None:
    """Create the host's cgroup in every hierarchy, with the same CPU share for each host of every lab."""
    for name, mount in hierarchies().items():
        (mount / ROOT / lab / host).mkdir(parents=True, exist_ok=True)
        if name == "unified":
            for parent in (mount, mount / ROOT, mount / ROOT / lab):
                _enable_v2(parent)
    for level, factor in ((ROOT, _hosts_of_all_labs()), (f"{ROOT}/{lab}", hosts), (f"{ROOT}/{lab}/{host}", 1)):
        _weigh(level, factor)


def _hosts_of_all_labs() -> int:
    return max(sum(1 for _ in (mount / ROOT).glob("*/*/")) for mount in hierarchies().values())


def _enable_v2(parent: Path) -> None:
    for controller in ("cpu", "memory", "pids"):
        if controller in (parent / "cgroup.controllers").read_text().split():
            (parent / "cgroup.subtree_control").write_text(f"+{controller}")


def _weigh(level: str, factor: int) -> None:
    if cpu := _controller("cpu"):
        (cpu / level / "cpu.shares").write_text(str(SHARE_V1 * factor))
    elif (weight := hierarchies()["unified"] / level / "cpu.weight").exists():
        weight.write_text(str(min(10000, WEIGHT_V2 * factor)))


def folders(lab: str, host: str) -> list[Path]:
    """The host's cgroup in every hierarchy."""
    return [mount / ROOT / lab / host for mount in hierarchies().values()]


def processes(lab: str, host: str) -> set[int]:
    """The PIDs of all processes of the host, including its supervisor."""
    found: set[int] = set()
    for folder in folders(lab, host):
        for group, _, _ in os.walk(folder):  # ignores groups that disappear meanwhile
            try:
                found.update(int(pid) for pid in Path(group, "cgroup.procs").read_text().split())
            except OSError as error:  # gone, or threaded (EOPNOTSUPP)
                if error.errno not in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
                    raise
    return found - {0}


def kill(lab: str, host: str, seconds: float = 10) -> None:
    """SIGKILL every process of the host and wait until none is left. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while left := processes(lab, host):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        freeze(lab, host, frozen=False)  # a frozen v1 process handles SIGKILL only when thawed
        if time.monotonic() > deadline:
            raise TimeoutError(f"{host}: processes {sorted(left)} still there {seconds:g} s after SIGKILL")
        time.sleep(0.01)


def freeze(lab: str, host: str, *, frozen: bool) -> None:
    """Freeze or thaw all processes of the host, if it exists."""
    if mount := _controller("freezer"):
        file, state = mount / ROOT / lab / host / "freezer.state", ("THAWED", "FROZEN")[frozen]
    else:
        file, state = hierarchies()["unified"] / ROOT / lab / host / "cgroup.freeze", str(int(frozen))
    if file.exists():
        file.write_text(state)


def frozen(lab: str, host: str) -> bool:
    """Whether the host is frozen."""
    if mount := _controller("freezer"):
        file = mount / ROOT / lab / host / "freezer.state"
        return file.exists() and file.read_text().strip() != "THAWED"
    file = hierarchies()["unified"] / ROOT / lab / host / "cgroup.freeze"
    return file.exists() and file.read_text().strip() == "1"


def cpu_seconds(lab: str, host: str) -> float:
    """CPU time that the host has used since it was powered on, including processes that have ended."""
    if mount := _controller("cpuacct"):
        file = mount / ROOT / lab / host / "cpuacct.usage"
        return int(file.read_text()) / 1e9 if file.exists() else 0
    file = hierarchies()["unified"] / ROOT / lab / host / "cpu.stat"
    return int(file.read_text().split()[1]) / 1e6 if file.exists() else 0  # its first line: usage_usec


def remove(lab: str, host: str | None = None) -> None:
    """Remove the cgroups of a host, or of the whole lab; the common root, too, after the last lab."""
    for mount in hierarchies().values():
        target = mount / ROOT / lab / (host or "")
        for folder in sorted(target.rglob("*/"), reverse=True):
            _rmdir(folder)
        _rmdir(target)
        if host is None:
            _rmdir(mount / ROOT)


def _rmdir(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EBUSY, errno.ENOTDIR):
            raise

"""Prometheus' own checker of rules, queries and configurations; from Debian's package, without installing it."""

import fcntl
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

from firedrill.lab import paths

# Debian 13 has it in a package of its own, earlier releases in that of the server, which would be started.
PACKAGES = ("promtool", "prometheus")
ROOT = ("-o", "APT::Sandbox::User=root", "-q")


@functools.cache
def promtool() -> str:
    """The path of the program. What apt downloads is kept in the cache of the host images."""
    if found := shutil.which("promtool"):
        return found
    kept = paths.CACHE / "promtool"
    paths.CACHE.mkdir(parents=True, exist_ok=True)
    with open(paths.CACHE / "promtool.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _download(kept)
    return str(kept)


def _download(kept: Path) -> None:
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        for name in PACKAGES:
            if _packed(name, folder) or (_apt("update", folder) and _packed(name, folder)):
                subprocess.run(f"dpkg-deb -x {name}_*.deb x", shell=True, check=True, cwd=folder)
                if (program := Path(folder, "x/usr/bin/promtool")).exists():
                    program.rename(kept)
                    return
    raise AssertionError("no package has promtool; apt-get download promtool shows why")


def _packed(name: str, folder: str) -> bool:
    return _apt("download", folder, name)


def _apt(verb: str, folder: str, *names: str) -> bool:
    return (
        subprocess.run(["apt-get", *ROOT, verb, *names], cwd=folder, capture_output=True, check=False).returncode == 0
    )


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool(), *map(str, arguments)], capture_output=True, text=True, check=False)

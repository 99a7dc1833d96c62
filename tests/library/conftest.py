"""The wheel of this checkout in an environment of its own, used from a folder that has folders named like ours."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.labs import ROOT, place, run_folder

NOT_SOURCE = shutil.ignore_patterns(
    ".git", ".venv", "__pycache__", "build", "reports", "*.egg-info", ".*_cache", ".hypothesis"
)
OURS = ("cluster", "deploy", "experiments", "faults", "inventories", "lab", "loadtests", "templates", "weather")
TRAP = "raise SystemExit('a folder of the user was imported in place of the package')\n"


@pytest.fixture(scope="session")
def source(tmp_path_factory) -> Path:
    """A copy of the checkout, its links as links: building writes into it."""
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("source") / "firedrill", symlinks=True, ignore=NOT_SOURCE)


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Build as pip does: `build("wheel", folder)` returns the file."""
    tools = tmp_path_factory.mktemp("backend")
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    _run([sys.executable, "-m", "pip", "install", "-q", "--target", tools, *requires])

    def run(kind: str, folder: Path) -> Path:
        out = tmp_path_factory.mktemp(kind)
        hook = f"from setuptools import build_meta; build_meta.build_{kind}({str(out)!r})"
        _run([sys.executable, "-c", hook], cwd=folder, env=os.environ | {"PYTHONPATH": str(tools)})
        [file] = out.iterdir()
        return file

    return run


@pytest.fixture(scope="session")
def wheel(build, source) -> Path:
    return build("wheel", source)


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and the folder that its user works in."""

    bin: Path
    packages: Path
    folder: Path

    def __call__(self, name: str, *arguments: object, code: int = 0, seconds: float = 120) -> str:
        """Run a console script, or `python`, as a user does in that folder; return what it printed."""
        known = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", name, *map(str, arguments)],
            cwd=self.folder, capture_output=True, text=True, timeout=seconds, check=False,
            env=known | {"PATH": f"{self.bin}{os.pathsep}{known['PATH']}"},
        )  # fmt: skip
        assert done.returncode == code, f"{name} {arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory) -> Installed:
    """The wheel in a fresh environment; its dependencies are those of the environment that runs the tests."""
    home = tmp_path_factory.mktemp("fresh")
    _run([sys.executable, "-m", "venv", "--without-pip", home])
    python = home / "bin/python"
    packages = Path(_run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    # A path in a .pth file: the .pth files over there, an editable install of ours among them, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    _run([sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel])
    pyinfra = home / "bin/pyinfra"  # a dependency's script, which the dependency's own environment has
    pyinfra.write_text(f"#!{python}\nfrom pyinfra_cli.main import main\n\nmain()\n")
    pyinfra.chmod(0o755)
    return Installed(home / "bin", packages, _users_folder(tmp_path_factory.mktemp("user")))


@pytest.fixture(scope="session")
def users_lab(installed, like_lab, tmp_path_factory) -> Iterator[Installed]:
    """The five hosts of a user's own inventories/lab.py, made with the wheel."""
    mine = replace(installed, folder=_users_folder(tmp_path_factory.mktemp("lab")))
    name, network = place("library")
    text = like_lab(name, network, source="compact").read_text()
    (mine.folder / "inventories/lab.py").write_text(text)
    note = run_folder() / "labs" / name
    note.parent.mkdir(exist_ok=True)
    note.write_text(str(mine.folder / "inventories/lab.py"))
    try:
        mine("lab", "down")
        mine("lab", "up", seconds=600)
        yield mine
    finally:
        mine("lab", "down")
        note.unlink()


def _users_folder(folder: Path) -> Path:
    """A folder of a pyinfra user, in which every one of our names is taken."""
    for name in (*OURS, "locust", "pyinfra"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(TRAP)
    (folder / "locust.conf").write_text("users = many\n")
    return folder


def _run(command: list, **more) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300, **more)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout

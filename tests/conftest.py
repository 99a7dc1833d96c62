"""What tests share: inventories written on the spot, and the commands run as a user runs them."""

import copy
import gc
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from firedrill.inventories import certificates, read
from firedrill.lab import doctor
from tests.forked import Forked
from tests.labs import ROOT, WITH_US, run_folder

pytest_plugins = ["tests.groups", "tests.tally"]
# Recordings are dictionaries by the ten thousand: Python's default of looking for cycles takes a fifth of the time.
gc.set_threshold(50_000, 20, 100)
BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run one of our commands to its end: `command("lab", "-i", file, "up")`."""

    def run(
        name: str, *arguments: object, seconds: float = 300, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*WITH_US, str(BIN / name), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=seconds,
            cwd=ROOT,
            env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"} | environment,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def quick() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run one of our commands that ends quickly, without starting Python: `quick("faults", "list")`."""
    ours = Forked(*(f"firedrill.{name}.__main__" for name in ("lab", "faults", "experiments")))
    yield lambda name, *arguments, **environment: ours.run(f"firedrill.{name}", *arguments, **environment)
    ours.close()


@pytest.fixture(scope="session")
def pyinfra() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run pyinfra: `pyinfra("--dry", inventory, deploy)`."""
    forked = Forked("pyinfra_cli.main")
    yield lambda *arguments, **environment: forked.run("pyinfra", *arguments, **environment)
    forked.close()


@pytest.fixture(scope="session", autouse=True)
def inventories_are_read_once(pyinfra) -> Iterator[None]:
    """Reading one takes pyinfra a second: once per file and content is enough."""
    ask, known = read._ask_pyinfra, {}

    def once(path: Path) -> list[dict]:
        key = path, path.read_text()
        if key not in known:
            known[key] = ask(path)
        return copy.deepcopy(known[key])

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return pyinfra(*command[command.index("pyinfra") + 1 :], cwd=Path.cwd())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read, "_ask_pyinfra", once)
        patch.setattr(read, "run", run)
        yield


@pytest.fixture(scope="session", autouse=True)
def a_ca_of_the_run() -> None:
    """What clients of a cluster verify with, where no deploy has made it."""
    certificates.load((), read.defaults())


@pytest.fixture(scope="module")
def soak_ends() -> float:
    return time.monotonic() + 60 * float(os.environ.get("SOAK_MINUTES", "120"))


@pytest.fixture(autouse=True)
def soak_is_bounded(request) -> None:
    """Of a module's soak tests, those whose turn does not come in time are skipped."""
    if request.node.get_closest_marker("soak") and time.monotonic() > request.getfixturevalue("soak_ends"):
        pytest.skip("SOAK_MINUTES are over")


@pytest.fixture(scope="session")
def lab_up(command) -> Callable[..., AbstractContextManager[Path]]:
    """Make the lab of an inventory file, from nothing, and remove it afterwards: `with lab_up(file): ...`."""

    @contextmanager
    def up(file: Path, *more: str) -> Iterator[Path]:
        note = run_folder() / "labs" / file.stem
        note.parent.mkdir(exist_ok=True)
        note.write_text(str(file))
        try:
            command("lab", "-i", file, "down", "--force")
            done = command("lab", "-i", file, "up", *more, seconds=600)
            assert done.returncode == 0, done.stderr
            yield file
        finally:
            down = command("lab", "-i", file, "down")
            assert down.returncode == 0, down.stderr
            note.unlink()

    return up


@pytest.fixture(scope="session")
def deploy(command) -> Callable[[Path], None]:
    """Make a lab's hosts a cluster."""

    def run(file: Path) -> None:
        done = command("pyinfra", "-y", file, "deploy/cluster.py", seconds=600)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.fixture(scope="session")
def own_kernels() -> None:
    """Skip where hosts with a kernel of their own cannot run."""
    row = next(row for row in doctor.report(doctor.look()) if row["provider"] == "uml")
    if missing := [f"{check['name']}: {check['found']}" for check in row["checks"] if not check["ok"]]:
        pytest.skip(f"uml hosts cannot run here: {missing[0]}")


@pytest.fixture(scope="session")
def inventory_file(tmp_path_factory) -> Callable[[str], Path]:
    """Write an inventory file next to the project's group data: `inventory_file(text)`."""

    def write(text: str, name: str = "made") -> Path:
        folder = tmp_path_factory.mktemp("inventories")
        (folder / "group_data").symlink_to(ROOT / "inventories/group_data")
        file = folder / f"{name}.py"
        file.write_text(text)
        return file

    return write


@pytest.fixture(scope="session")
def like_lab(inventory_file) -> Callable[..., Path]:
    """A local inventory under another name and on another network, so that tests never touch a user's lab."""

    def write(
        name: str,
        subnet: str,
        only: tuple[str, ...] = (),
        source: str = "lab",
        data: Mapping[str, object] | None = None,
    ) -> Path:
        text = (ROOT / f"inventories/{source}.py").read_text()
        text = re.sub(r"10\.\d+\.0\.", f"{subnet}.", text)
        text = re.sub(r'"bridge": "\w+"', f'"bridge": "fd{name}"', text)
        lab = re.search(r'"lab": {"name": "(\w+)"', text)[1]
        text = text.replace(f'"name": "{lab}"', f'"name": "{name}"').replace(f"firedrill/{lab}/", f"firedrill/{name}/")
        text = text.replace(f"inventories/{source}.py", "{inventory}")
        if only:
            text += f"\n_only = {only!r}\nfor _group in ('etcd', 'postgres', 'proxy', 'app'):\n"
            text += "    globals()[_group] = [_host for _host in globals()[_group] if _host[0] in _only]\n"
            text += "all = ([_host for _host in all[0] if _host[0] in _only], all[1])\n"
        if data:
            text += f"\nfor _host in all[0]:\n    _host[1].update({data!r})\n"
        return inventory_file(text, name)

    return write

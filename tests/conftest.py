"""What tests share: inventories written on the spot, and the commands run as a user runs them."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run one of our commands to its end: `command("lab", "-i", file, "up")`."""

    def run(
        name: str, *arguments: object, seconds: float = 300, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(BIN / name), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=seconds,
            cwd=ROOT,
            env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"} | environment,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def inventory_file(tmp_path_factory) -> Callable[[str], Path]:
    """Write an inventory file beside the project's group data: `inventory_file(text)`."""

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

    def write(name: str, subnet: str, only: tuple[str, ...] = (), source: str = "lab") -> Path:
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
        return inventory_file(text, name)

    return write

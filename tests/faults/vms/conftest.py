"""Two hosts with a kernel of their own (user-mode Linux), shared by all tests of faults that need any."""

import pytest

from firedrill.cluster import ssh
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets
from tests.faults.conftest import GREETER, login
from tests.labs import place

NAME, SUBNET = place("vms")


@pytest.fixture(scope="package")
def net(own_kernels, like_lab, lab_up):
    """The inventory file of db1 and db2, up."""
    with lab_up(like_lab(NAME, SUBNET, only=("db1", "db2"), source="vms_local")) as file:
        yield file


@pytest.fixture(scope="package")
def ways(net) -> Access:
    found = Access(read(net), Secrets())
    for host in found.inventory.hosts:
        with login(host) as connection:
            ssh.script(connection, GREETER)
    return found


@pytest.fixture(scope="package")
def on(ways):
    """Run a shell text on a host: `on("db1", "ls")`."""

    def run(name: str, text: str) -> str:
        with login(ways.inventory[name]) as connection:
            return ssh.script(connection, text, check=False)

    return run

"""The release and versions of a host, and what they rule out."""

import pytest

from firedrill.deploy import version_checks, versions
from firedrill.deploy.versions import Versions
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import Host, defaults, with_defaults
from firedrill.inventories.releases import RELEASES

TWELVE = {"system": "debian 12", "codename": "bookworm", "patroni": "3.0.2-1"}
THIRTEEN = {"system": "debian 13", "codename": "trixie", "patroni": "4.0.7-1"}


def host(**data):
    return Host("db1", "192.0.2.1", ("postgres",), with_defaults(data, defaults()))


@pytest.mark.parametrize(
    ("data", "reported", "wanted"),
    [
        ({}, TWELVE, ("bookworm", 15, (3, 0))),
        ({}, THIRTEEN, ("trixie", 17, (4, 0))),
        ({"release": "bookworm"}, TWELVE, ("bookworm", 15, (3, 0))),
        # A host with PGDG: its Patroni is newer than Debian's, and it has any version of PostgreSQL.
        ({"postgres_version": "18"}, TWELVE | {"patroni": "4.1.0-1.pgdg12+1"}, ("bookworm", 18, (4, 1))),
        ({}, {key: TWELVE[key] for key in ("system", "codename")}, ("bookworm", 15, (3, 0))),
        # One that does not answer, as in a plan.
        ({}, {}, ("trixie", 17, (4, 0))),
        ({"release": "bookworm"}, {}, ("bookworm", 15, (3, 0))),
        ({"lab": {"release": "bookworm"}}, {}, ("bookworm", 15, (3, 0))),
    ],
)
def test_the_host_itself_decides(data, reported, wanted):
    found = versions.of(host(**data), reported)
    assert (found.release.codename, found.postgres, found.patroni) == wanted


@pytest.mark.parametrize(
    ("data", "reported", "problem"),
    [
        (
            {},
            {"system": "ubuntu 24.04", "codename": "noble"},
            r"db1 runs ubuntu 24\.04 \(noble\): install Debian 12 .* or",
        ),
        ({}, {"system": "debian ", "codename": ""}, "no code name"),
        ({"release": "trixie"}, TWELVE, r"db1 runs Debian 12 \(bookworm\), the inventory has the release 'trixie'"),
    ],
)
def test_another_system_than_it_can_be_is_refused(data, reported, problem):
    with pytest.raises(InventoryProblem, match=problem):
        versions.of(host(**data), reported)


def test_databases_that_differ_are_refused():
    old, new = Versions(RELEASES["bookworm"], 15, (3, 0)), Versions(RELEASES["trixie"], 17, (4, 0))
    version_checks.check_same({"db1": old, "db2": old})
    with pytest.raises(
        InventoryProblem, match=r"PostgreSQL 15 on Debian 12 \(bookworm\) \(db1, db3\), PostgreSQL 17 on"
    ):
        version_checks.check_same({"db1": old, "db2": new, "db3": old})
    with pytest.raises(InventoryProblem, match="the databases differ"):  # other collations
        version_checks.check_same({"db1": new, "db2": Versions(RELEASES["bookworm"], 17, (4, 0))})


def test_what_an_old_patroni_cannot_do_is_said():
    assert version_checks.of_old_patroni(Versions(RELEASES["trixie"], 17, (4, 0))) is None
    said = version_checks.of_old_patroni(Versions(RELEASES["bookworm"], 15, (3, 0)))
    assert said.startswith("Patroni 3.0 of Debian 12 (bookworm) has no quorum commit, does not enforce the minimum")
    assert "enforce" not in version_checks.of_old_patroni(Versions(RELEASES["bookworm"], 15, (3, 3)))

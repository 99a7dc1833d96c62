"""Whatever an inventory sets: it is refused in one line, or the checks before a deploy answer with findings."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firedrill.deploy import wanted
from firedrill.deploy.preflight import hosts as of_hosts
from firedrill.deploy.preflight import reach, settings
from firedrill.deploy.preflight.finding import lines
from firedrill.inventories import keys, profiles
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import check, defaults, with_defaults
from tests.fuzz import anything, few
from tests.inventories.test_fuzz import ENTRIES

PATH = Path("/made/mine.py")
DEFAULTS = defaults()
VALUES = anything(tuple(ENTRIES))
TIMINGS = st.dictionaries(st.sampled_from(keys.ENTRIES["timings"]), VALUES, max_size=3)


@pytest.fixture
def checked(seen):
    """Check the cluster with other data."""

    def run(key, value):
        changed = {
            name: replace(one, host=replace(one.host, data=with_defaults(one.host.data | {key: value}, DEFAULTS)))
            for name, one in seen.items()
            if "mysqld" not in one.host.roles
        }
        hosts = tuple(one.host for one in changed.values())
        try:
            check(PATH, hosts)
            profiles.durability(hosts[0].data, 3)
            found = settings.check(hosts)
        except InventoryProblem as problem:
            assert "\n" not in str(problem)
            return
        found += [reach.unreachable(host, PATH) for host in hosts]
        assert all(wanted.of(host, monitored=True) for host in hosts)
        assert all("\n" not in line for line in lines(found + of_hosts.check(list(changed.values()))))

    return run


@few(300)
@given(key=st.sampled_from(sorted(DEFAULTS.keys() | set(keys.OPTIONAL))), value=VALUES)
def test_any_value_of_a_key(checked, key, value):
    checked(key, value)


@few(100)
@given(given_timings=TIMINGS)
def test_any_timings(checked, given_timings):
    checked("timings", given_timings)
    checked("profiles", {"fast": given_timings})

"""An inventory's own dictionaries are added to their defaults, entry by entry: one entry takes no other one away."""

import copy

import pytest

from firedrill.inventories import read
from firedrill.inventories.read import defaults, with_defaults

DEFAULTS = defaults()
DICTIONARIES = sorted(key for key, value in DEFAULTS.items() if isinstance(value, dict) and value)


@pytest.mark.parametrize("key", DICTIONARIES)
def test_an_entry_leaves_the_others_as_they_are(key):
    name, value = next(iter(DEFAULTS[key].items()))
    own = {"ttl": 25} if key == "profiles" else ["other"] if isinstance(value, list) else 7
    found = with_defaults({key: {name: own}}, copy.deepcopy(DEFAULTS))
    merged = read.postgres_parameters(found) if key == "postgres_parameters" else found[key]
    wanted = value | own if key == "profiles" else own
    assert merged == DEFAULTS[key] | {name: wanted}

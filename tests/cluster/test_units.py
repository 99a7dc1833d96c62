"""Units by the names of the inventory."""

import pytest

from firedrill.cluster.units import unit_name
from firedrill.inventories.read import Host


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("patroni", "patroni@17-main.service"),
        ("etcd", "dcs.service"),
        ("app", "weather@PG-ALPHA.prod.service"),
        ("cron", "cron.service"),
        ("ssh.socket", "ssh.socket"),
        ("system.slice", "system.slice"),
    ],
)
def test_a_unit_has_its_suffix(name, unit):
    units = {"patroni": "patroni@17-main", "etcd": "dcs.service", "app": "weather@PG-ALPHA.prod"}
    assert unit_name(name, Host("db1", "192.0.2.1", (), {"units": units})) == unit

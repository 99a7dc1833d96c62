"""`make bench` for deploys: the hosts that it makes, and what it says of its figures."""

import pytest

from firedrill.deploy import bench
from firedrill.deploy.bench_labs import SHAPES, Took, inventory, packages


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_has_as_many_hosts_as_its_name_says(shape):
    found: dict = {}
    exec(inventory(shape, tls=True), found)
    hosts, shared = found["all"]
    assert len(hosts) == int(shape.split()[0])
    assert len({data["ssh_hostname"] for _, data in hosts} | {shared["vip"]}) == len(hosts) + 1
    assert len(found["etcd"]) % 2 == 1 and all(found[role] for role in ("postgres", "proxy", "app"))
    assert all(data["tls"] for _, data in hosts)


def test_apt_installs_what_a_deploy_installs():
    assert {"postgresql-17", "etcd-server", "haproxy", "nginx-light"} <= set(packages())


def test_a_ratio_over_its_bound_is_not_held():
    good = bench.compared("second", Took(2.0, 4.0), "first", Took(1.9, 2.0), 1.3)
    bad = bench.Figure("second", 3.0, "first", 2.0, 1.3)
    assert (good.row["ratio"], good.row["held"], good.row["cpu_ratio"]) == (1.05, True, 2.0)
    assert (bad.row["ratio"], bad.row["held"], bad.row["cpu_ratio"]) == (1.5, False, None)
    assert bench._table([good.row, bad.row]).row_count == 2

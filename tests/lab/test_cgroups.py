"""The processor shares of hosts."""

from firedrill.lab import cgroups


def test_all_labs_together_weigh_as_much_as_their_hosts(monkeypatch, tmp_path):
    monkeypatch.setattr(cgroups, "hierarchies", lambda: {"cpu": tmp_path})
    for lab, hosts in (("big", ("db1", "db2", "db3")), ("small", ("etcd1",))):
        for host in hosts:
            cgroups.prepare(lab, host, len(hosts))
    cgroups.prepare("small", "etcd1", 1)  # switched on again
    shares = [int((tmp_path / "firedrill" / lab / "cpu.shares").read_text()) for lab in ("", "big", "small")]
    assert shares == [4 * 1024, 3 * 1024, 1024]

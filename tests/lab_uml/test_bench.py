"""The table that `make bench` prints."""

from firedrill.lab import bench, doctor, providers


def figures(factor: float) -> dict[str, float]:
    return {name: 2.0 * factor for name in bench.FIGURES}


def test_each_figure_has_both_values_and_their_ratio():
    rows = bench.rows({"nspawn": figures(1), "uml": figures(3)})
    assert [row["figure"] for row in rows] == list(bench.FIGURES)
    assert all((row["nspawn"], row["uml"], row["ratio"]) == (2, 6, 3) for row in rows)


def test_one_kind_alone_has_no_ratio():
    assert all("ratio" not in row for row in bench.rows({"nspawn": figures(1)}))


def test_the_benchs_hosts_are_sized_as_the_labs():
    inventory = bench.inventory("uml")
    assert inventory.hosts[0].data["memory_mib"] > 0
    assert inventory.data["lab"]["provider"] == "uml"


def test_every_provider_is_known_to_the_doctor():
    assert set(providers.PROVIDERS) == set(doctor.CHECKS)

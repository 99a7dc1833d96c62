"""Settings that Patroni, etcd or HAProxy would adjust, refuse or not survive, found without asking a host."""

import re

import pytest

from firedrill.deploy.preflight import settings
from firedrill.inventories import read
from firedrill.inventories.read import defaults


def without(hosts, role, keep):
    """Only `keep` hosts of this role."""
    mine = [host for host in hosts if role in host.roles]
    return [host for host in hosts if host not in mine[keep:]]


def given(hosts, keys, value):
    """All hosts with another value: `profiles.fast.ttl`."""
    *parents, last = keys.split(".")
    for host in hosts:
        found = host.data
        for key in parents:
            found = found[key]
        found[last] = value
    return hosts


@pytest.mark.parametrize("profile", defaults()["profiles"])
def test_no_profile_of_ours_is_refused(hosts, profile):
    given(hosts, "profile", profile)
    assert [one for one in settings.check(hosts) if one.refused] == []


def test_the_default_has_no_warning(hosts):
    assert settings.check(hosts) == []


WRONG = [
    ("profiles.fast.ttl", 10, "timings", True, r"profile fast has ttl 10, Patroni's minimum is 20: raise it to 20"),
    ("profiles.fast.retry_timeout", 2.5, "timings", True, r"retry_timeout 2.5, Patroni's minimum is 3"),
    ("profiles.fast.retry_timeout", 10, "timings", True, r"loop_wait \+ 2 \* retry_timeout = 22, more than its ttl 20"),
    ("etcd_election_ms", 4000, "etcd timings", True, r"takes up to 8000 ms .*retry_timeout is 8 s: lower"),
    ("etcd_heartbeat_ms", 300, "etcd timings", True, r"etcd_election_ms 1000 is less than 5 times etcd_heartbeat_ms"),
    ("etcd_heartbeat_ms", 150, "etcd timings", False, r"less than 10 times etcd_heartbeat_ms 150"),
    ("postgres_parameters.max_wal_senders", 3, "postgres_parameters", True, r"max_wal_senders is 3 .*raise it to 4"),
    ("postgres_parameters.max_replication_slots", 1, "postgres_parameters", True, r"slots is 1 .*raise it to 4"),
    ("postgres_parameters.max_connections", 30, "postgres_parameters", True, r"max_connections is 30 .*raise it to 44"),
    ("profiles.fast.wal_sender_timeout", 60, "wal_sender_timeout", False, r"silently lost for up to 22 s"),
    ("profiles.fast.wal_sender_timeout", 0, "wal_sender_timeout", False, r"has wal_sender_timeout 0, its ttl is 20"),
    ("profiles.fast.inter", 5, "proxy checks", False, r"inter 5, more than its loop_wait 2"),
    ("profiles.fast.downinter", 0, "proxy checks", True, r"downinter 0: set it above 0"),
    ("vip", "front.example", "floating address", True, r"'front\.example' is not an IPv4 address: set vip to an IPv4"),
    ("vip", "2001:db8::1", "floating address", True, r"'2001:db8::1' is not an IPv4 address"),
    ("patroni_settings", {"ttl": 40}, "patroni_settings", True, r"has ttl, which `timings` sets: set it in `timings`"),
    ("patroni_settings", {"synchronous_mode": True}, "patroni_settings", True, r"which `durability` sets"),
    ("foreign", True, "existing cluster", True, r"describes an existing cluster"),
    ("timings", {"safety_margin": 19}, "watchdog", True, r"a safety margin of 19 s"),
]  # fmt: skip


def test_own_parameters_are_added_to_the_defaults(hosts):
    """One of them must not take away the WAL senders that all others need."""
    given(hosts, "postgres_parameters", {"max_connections": 400})
    found = read.postgres_parameters(hosts[0].data)
    assert found == defaults()["postgres_parameters"] | {"max_connections": 400}
    assert settings.check(hosts) == []


def test_two_services_of_a_host_on_one_port(hosts):
    given(hosts, "ports.etcd_peer", 2379)
    found = settings.check(hosts)
    assert {(one.host, one.check, one.refused) for one in found} == {(f"etcd{n}", "ports", True) for n in (1, 2, 3)}
    assert found[0].cause == "the ports etcd and etcd_peer are both 2379"


@pytest.mark.parametrize(("keys", "value", "check", "refused", "text"), WRONG)
def test_a_setting_that_does_not_fit_is_a_finding(hosts, keys, value, check, refused, text):
    (found,) = settings.check(given(hosts, keys, value))
    assert (found.host, found.check, found.refused) == ("settings", check, refused)
    assert re.search(text, f"{found.cause}: {found.remedy}")


@pytest.mark.parametrize(
    ("mode", "databases", "refused"),
    [
        ("quorum", 3, None), ("quorum", 2, None), ("on", 2, None), ("on", 1, None),
        ("off", 1, None), ("strict", 3, None), ("strict", 2, False), ("strict", 1, True),
    ],
)  # fmt: skip
def test_synchronous_replication_needs_standbys(hosts, mode, databases, refused):
    found = settings.check(without(given(hosts, "profiles.fast.synchronous_mode", mode), "postgres", databases))
    assert [one.refused for one in found if one.check == "synchronous mode"] == ([] if refused is None else [refused])


def test_a_floating_address_without_proxies(hosts):
    hosts = without(without(hosts, "proxy", 0), "app", 0)
    assert [one.cause for one in settings.check(hosts)] == ["the floating address 192.0.2.100 has no proxy"]


def test_one_etcd_member_is_a_warning(hosts):
    (found,) = settings.check(without(hosts, "etcd", 1))
    assert not found.refused and "tolerates no failure" in found.cause


def test_every_finding_at_once(hosts):
    given(given(hosts, "profiles.fast.ttl", 10), "etcd_election_ms", 4000)
    assert {one.check for one in settings.check(hosts)} == {"timings", "etcd timings"}

"""The inventory key `monitoring`, and the group `monitor`: who is asked, with what, and what is refused."""

import pickle

import pytest

from firedrill.inventories.access import access
from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import read

HOSTS = 'postgres = [("a", {"ssh_hostname": "192.0.2.1"})]\netcd = ["192.0.2.3"]\n'
OURS = {"url": "https://prom.example:9090/p/", "user": "me", "password": "pw-prom"}
THEIRS = {"url": "https://am.example"}
MONITORING = {"prometheus": OURS, "alertmanagers": [THEIRS]}


@pytest.fixture
def there(inventory_file, tmp_path):
    """Access to a cluster with this data, and these hosts in the group `monitor`."""

    def make(monitors=(), **data):
        data = {"secrets_file": str(tmp_path / "secrets.json")} | data
        hosts = HOSTS + f"monitor = {list(monitors)!r}\n"
        names = "all = ([*postgres, *etcd, *monitor], {})\n"
        marks = f"for _group in (postgres, etcd, monitor):\n    _group[:] = [(one if isinstance(one, tuple) else (one, {{}})) for one in _group]\n    for _host in _group:\n        _host[1].update({data!r})\n"  # noqa: E501
        return access(read(inventory_file(hosts + marks + names)))

    return make


def test_by_default_there_is_none(there):
    assert there().monitoring is None
    assert there(foreign=True, tls=False).monitoring is None


def test_the_hosts_of_the_group_are_asked_with_tls_and_a_password(there):
    found = there(["192.0.2.8"], secrets={"*": {"password": "pw-{name}"}}).monitoring
    assert found.prometheus["192.0.2.8"].url == "https://192.0.2.8:9090"
    assert found.alertmanagers["192.0.2.8"].url == "https://192.0.2.8:9093"
    assert found.prometheus["192.0.2.8"].auth == ("firedrill", "pw-monitor")
    assert found.prometheus["192.0.2.8"].tls.ca.endswith("ca.crt")
    assert [host.name for host in found.receivers] == ["192.0.2.8"]
    assert found.token == "pw-monitor_webhook"
    assert "pw-" not in repr(found)


def test_one_that_others_made_is_reached_as_the_inventory_says(there):
    it = there(foreign=True, monitoring=MONITORING | {"names": {"NoLeader": "Leaderless", "ProxyDown": None}})
    found = pickle.loads(pickle.dumps(it)).monitoring
    assert found.prometheus["prom.example:9090"].url == "https://prom.example:9090/p"
    assert found.prometheus["prom.example:9090"].auth == ("me", "pw-prom")
    assert (found.alertmanagers["am.example"].auth, found.alertmanagers["am.example"].tls.ca) == (None, "system")
    assert (found.receivers, found.token) == ((), "")
    assert found.names == {"NoLeader": "Leaderless", "ProxyDown": None}
    assert it.secrets == {"pw-prom"}


def test_its_notifications_are_received_only_where_that_is_allowed(there):
    allowed = MONITORING | {"add_receiver": True, "webhook": {"password": "pw-hook"}}
    found = there(["192.0.2.8"], foreign=True, monitoring=allowed).monitoring
    assert ([host.name for host in found.receivers], found.token) == (["192.0.2.8"], "pw-hook")
    assert "pw-hook" not in repr(found)


@pytest.mark.parametrize(
    ("change", "cause", "remedy"),
    [
        ({"prometeus": OURS}, "unknown key 'prometeus'", "did you mean 'prometheus'"),
        ({"alertmanagers": []}, "lacks a prometheus, or a list of alertmanagers", "write"),
        ({"alertmanagers": THEIRS}, "lacks a prometheus, or a list of alertmanagers", "write"),
        ({"prometheus": "https://x"}, "not a dictionary of texts with a `url`", "write"),
        ({"prometheus": {"url": "https://x", "pasword": "y"}}, "unknown key 'pasword'", "did you mean 'password'"),
        ({"prometheus": {"url": "http://x:9090"}}, "plain text, and `tls` is on", "give the https URL"),
        ({"prometheus": {"url": "ftp://x"}}, "has a wrong URL", "write scheme, host, port"),
        ({"prometheus": {"url": "https://me:secret@x"}}, "has a wrong URL", "write scheme, host, port"),
        ({"prometheus": {"url": "https://x:99999"}}, "has a wrong URL", "write scheme, host, port"),
        ({"prometheus": {"url": "https://x/?a=b"}}, "has a wrong URL", "write scheme, host, port"),
        ({"prometheus": {"url": "https://[::1"}}, "has a wrong URL", "write scheme, host, port"),
        ({"prometheus": {"url": "https://x", "user": "me"}}, "only one of user and password", "give it `user`"),
        ({"add_receiver": "yes"}, "wrong add_receiver", "True or False"),
        ({"add_receiver": True}, "only one of add_receiver and webhook", "bearer token"),
        ({"add_receiver": True, "webhook": {"password": "x"}}, "no host is in the group monitor", "add the hosts"),
        ({"names": {"NoLeader": 5}}, "wrong names", "give `names`"),
        ({"webhook": {"secret": "x"}}, "unknown key 'secret'", "the known ones are"),
    ],
)
def test_what_cannot_be_meant_is_refused(there, change, cause, remedy):
    with pytest.raises(InventoryProblem) as refused:
        there(foreign=True, monitoring=MONITORING | change)
    assert cause in refused.value.cause
    assert remedy in refused.value.remedy
    assert "secret@" not in str(refused.value)


def test_plain_text_is_for_a_cluster_without_tls(there):
    plain = {"prometheus": {"url": "http://x:9090"}, "alertmanagers": [{"url": "http://x:9093"}]}
    assert there(foreign=True, tls=False, monitoring=plain).monitoring.prometheus["x:9090"].tls is None
    with pytest.raises(InventoryProblem, match="a `ca` and an http URL"):
        there(foreign=True, tls=False, monitoring=plain | {"prometheus": {"url": "http://x", "ca": "system"}})


@pytest.mark.parametrize("foreign", [True, False])
def test_two_monitorings_are_refused(there, foreign):
    with pytest.raises(InventoryProblem, match="`monitoring` and hosts in the group monitor"):
        there(["192.0.2.8"], foreign=foreign, monitoring=MONITORING)

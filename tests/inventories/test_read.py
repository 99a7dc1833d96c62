"""An inventory is read as pyinfra reads it, and one that cannot make a cluster is refused in one line."""

import pytest

from firedrill.inventories.errors import InventoryProblem
from firedrill.inventories.read import read
from tests.labs import ROOT

GOOD = """
etcd = [("e1", {"ssh_hostname": "10.1.0.1"})]
postgres = [("d1", {"ssh_hostname": "10.1.0.2"})]
_helper = ["not a role"]
"""


def test_the_lab_has_ten_hosts_in_four_roles():
    lab = read(ROOT / "inventories/lab.py")
    assert " ".join(host.name for host in lab.hosts) == "etcd1 etcd2 etcd3 db1 db2 db3 lb1 lb2 app1 app2"
    assert lab["db1"].roles == ("postgres",)
    assert lab["db1"].data["profiles"]["fast"]["ttl"] == 20


def test_a_host_may_have_several_roles():
    assert read(ROOT / "inventories/compact.py")["lb1"].roles == ("etcd", "proxy", "app")


def test_a_file_named_after_a_role_is_refused(inventory_file):
    with pytest.raises(InventoryProblem, match="is named after the role 'proxy'.*rename it"):
        read(inventory_file(GOOD, "proxy"))


def test_helpers_are_no_roles(inventory_file):
    assert len(read(inventory_file(GOOD)).hosts) == 2


def data(**given: object) -> str:
    """GOOD with data of each host."""
    return GOOD + f"for _name, _data in etcd + postgres: _data |= {given!r}\n"


def lab(**changed: object) -> str:
    """GOOD as a local lab."""
    settings = {"name": "x", "provider": "nspawn", "bridge": "x", "address": "10.1.0.9/24"} | changed
    return GOOD + f"all = (etcd + postgres, {{'lab': {settings!r}}})\n"


@pytest.mark.parametrize(
    ("text", "cause", "remedy"),
    [
        (GOOD.replace("10.1.0.2", "10.1.0.1"), "e1, d1 .* share the address 10.1.0.1", "give each host its own"),
        (GOOD + 'all = etcd + postgres + ["stray"]', "stray .* has no role", "add it to one of"),
        (GOOD + 'cache = [("c1", {})]', "c1 .* the unknown role 'cache'", "the roles are etcd, postgres"),
        (
            GOOD + 'etcd += [("e2", {"ssh_hostname": "10.1.0.3"})]',
            r"2 etcd members \(e1, e2\)",
            "use an odd number",
        ),
        (
            'mysqld = [("d1", {"ssh_hostname": "10.1.0.1"}), ("d2", {"ssh_hostname": "10.1.0.2"})]',
            r"2 mysqld members \(d1, d2\)",
            "use an odd number",
        ),
        ("", "has no hosts", "add them to groups"),
        (GOOD + "1 / 0", "cannot be read .*ZeroDivisionError", "fix the file"),
        (GOOD + "_more = [", "cannot be read .*SyntaxError: .* line 5", "fix the file"),
        (
            GOOD + 'all = (etcd + postgres, {"vip": "10.1.0.2"})',
            "the floating address 10.1.0.2 .* is also a host's",
            "choose an unused one",
        ),
        (
            GOOD + 'all = (etcd + postgres, {"lab": {"name": "x", "bridge": "x", "address": "10.2.0.1/24"}})',
            "e1 .* 10.1.0.1, which is not a free one of 10.2.0.0/24",
            "choose an address",
        ),
        (
            GOOD.replace('"d1"', '"d 1; reboot"'),
            "'d 1; reboot' is not a valid host name",
            "use letters, digits, dots, dashes and underscores",
        ),
        (lab(), None, None),
        (lab(name=".."), "`lab` has the name '..'", r"it must match [a-z][a-z0-9-]{0,20}"),
        (lab(name=""), "`lab` has the name ''", "it must match"),
        (lab(bridge="a-bridge-of-16-c"), "`lab` has the bridge 'a-bridge-of-16-c'", "it must match"),
        (lab(bridge="x y"), "`lab` has the bridge 'x y'", "it must match"),
        (lab(address="10.1.0"), "`lab` has the address '10.1.0'", "such as 10.77.0.1/24"),
        (lab(bridgee="x"), "lab of e1 in .* unknown key 'bridgee'", "did you mean 'bridge'?"),
        (lab().replace('"d1"', '"pg_beta"'), "'pg_beta' is not a valid host name", "use lower-case letters"),
        (data(patroni_tsl=None), "e1 in .* unknown key 'patroni_tsl'", "did you mean 'patroni_tls'?"),
        (data(mysql_tls={"cacert": "x"}), "mysql_tls of e1 .* unknown key 'cacert'", "did you mean 'cert'?"),
        (data(timings={"foo": 1}), "timings of e1 .* unknown key 'foo'", "the known ones are downinter, "),
        (data(ports={"postgress": 1}), "ports of e1 .* unknown key 'postgress'", "did you mean 'postgres'?"),
        (data(power={"poweron": "x"}), "power of e1 .* unknown key 'poweron'", "did you mean 'power_on'?"),
        (
            data(credentials={"sql": {"user": "x", "pasword": "y"}}),
            r"credentials\['sql'\] of e1 .* unknown key 'pasword'",
            "did you mean 'password'?",
        ),
        (data(profiles={"mine": {"tll": 1}}), r"profiles\['mine'\] of e1 .* unknown key 'tll'", "did you mean 'ttl'?"),
        (
            data(client_networks=["10.1.0.1/16"]),
            r"e1 .* has the client_networks \['10.1",
            "a network such as 10.1.0.0/16",
        ),
        (data(client_networks=["10.1.0.0/16", "2001:db8::/64"]), None, None),
        (
            data(chaosblade_folder="/opt/x; reboot"),
            "e1 .* has the chaosblade_folder '/opt/x; reboot'",
            "give it an abs",
        ),
        (data(timings={"ttl": "25"}), "timings of e1 .* has the ttl '25'", "a whole number"),
        (data(timings={"inter": "1s"}), "timings of e1 .* has the inter '1s'", "a number that is not negative"),
        (data(profiles={"fast": {"rise": 0}}), r"profiles\['fast'\] of e1 .* has the rise 0", "a whole number from 1"),
        (data(timings={"failsafe_mode": "yes"}), "has the failsafe_mode 'yes'", "True or False"),
        (data(timings={"synchronous_mode": True}), "has the synchronous_mode True", "one of off, on, strict, quorum"),
        (data(timings={"ttl": 25, "inter": 0.5}), None, None),
        (data(power={"power_on": "virsh start {host}"}), "e1 .* has the power", "than {name}, {address} and {inv"),
        (data(power={"power_on": "ssh pve 'qm start"}), "e1 .* has the power", "a command"),
        (data(power={"power_on": "ssh pve 'qm start {name:x}'"}), "e1 .* has the power", "a command"),
        (data(power=None, lab=None), None, None),
        (data(packages={"etcd": ["etcd-server; reboot"]}), "e1 .* has the packages", "the name of a Debian package"),
        (data(packages={"etcd": ["x-{version}"]}), "e1 .* has the packages", "which may have {postgres_version} in it"),
        (data(packages={"postgres": ["postgresql-{postgres_version}"]}, exporter_packages={"app": []}), None, None),
        (data(certificates={"ca": "a", "cert": "{host:d}", "key": "{host}"}), "e1 .* has the certificates", "such as"),
        (data(credentials={"sql": {"password": "x"}}), r"credentials\['sql'\] of e1 .* has no user", "name the `user`"),
        (data(credentials={"sql": {}}), r"credentials\['sql'\] of e1 .* has no user", "None if none is needed"),
        (data(ssh_strict_host_key_checking="ask"), "has the ssh_strict_host_key_checking 'ask'", "accept-new, yes"),
        (data(ssh_strict_host_key_checking="yes", ssh_connect_retries=2, ssh_forward_agent=False), None, None),
        (
            GOOD + "postgres[0][1]['cluster'] = 'orders'",
            "d1 in .* has cluster 'orders', e1 has 'firedrill'",
            "give all hosts the same: they are one cluster",
        ),
        (GOOD + "etcd[0][1]['tls'] = False", "d1 in .* has tls True, e1 has False", "give all hosts the same"),
        (lab().replace('{"ssh_hostname": "10.1.0.2"}', "{}"), "d1 .* has the address d1, which is not", "choose an"),
        (data(backup_host="nas"), None, None),
        (data(ssh_port=2222), None, None),
    ],
)
def test_bad_inventories_are_refused(inventory_file, text, cause, remedy):
    if cause is None:
        assert len(read(inventory_file(text)).hosts) == 2
        return
    with pytest.raises(InventoryProblem, match=cause) as refused:
        read(inventory_file(text))
    assert remedy in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {"sudo": {"password": 47114711}},
        {"ssh_password": "47114711\a"},
        {"secrets": {"superuser": {"password": 47114711}}},
        {"sql_options": {"sslmode": "none", "password": "47114711"}},
        {"power": {"power_off": ["ipmitool", "-P", "47114711"]}},
    ],
    ids=lambda given: next(iter(given)),
)
def test_a_wrong_value_that_may_hold_a_password_is_not_shown(inventory_file, given):
    with pytest.raises(InventoryProblem, match=f"e1 in .* has the {next(iter(given))} .*: give it ") as refused:
        read(inventory_file(data(**given)))
    assert "4711" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InventoryProblem, match="no inventory file"):
        read(tmp_path / "none.py")


@pytest.mark.parametrize("words", [("lab", "up"), ("faults", "status"), ("experiments", "run", "leader_power_cut")])
def test_every_command_reports_it_in_one_line_and_exits_2(quick, inventory_file, words):
    name, *rest = words
    done = quick(name, "-i", inventory_file(GOOD.replace("10.1.0.2", "10.1.0.1")), *rest)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "share the address 10.1.0.1" in done.stderr


def test_an_empty_name_is_not_the_default_inventory():
    """`faults -i "$INVENTORY" heal --all` with an unset variable must not reach another cluster."""
    with pytest.raises(InventoryProblem, match="the inventory's name is empty: name a file with -i"):
        read("")

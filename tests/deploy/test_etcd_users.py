"""The program that keeps etcd's users, against a model of etcd's authentication."""

import json

import pytest

from firedrill.deploy.on_host import etcd_users
from firedrill.deploy.on_host.etcd_users import Refused

USERS = {
    "root": {"role": "root", "password": "r"},
    "patroni": {"role": "patroni", "password": "p", "grants": [{"prefix": "/service/demo/", "access": "READWRITE"}]},
    "firedrill": {"role": "firedrill", "password": "f", "grants": [{"prefix": "/service/demo/", "access": "READ"}]},
}


class Store:
    """What etcd knows of users."""

    def __init__(self):
        self.enabled, self.users, self.roles, self.granted = False, {}, {}, {}


class Model:
    """A connection to it, in place of the program's class."""

    store = Store()

    def __init__(self, _url=""):
        self.user = None

    def log_in(self, user, password):
        if not self.store.enabled:
            return False
        if self.store.users.get(user) != password:
            raise Refused("authenticate: authentication failed, invalid user ID or password")
        self.user = user
        return True

    def call(self, path, **body):
        if self.store.enabled and self.user != "root":
            raise Refused(f"{path}: permission denied")
        return getattr(self, path.replace("/", "_"))(**body) or {}

    def user_list(self):
        return {"users": list(self.store.users)}

    def role_list(self):
        return {"roles": list(self.store.roles)}

    def user_get(self, name):
        return {"roles": self.store.granted[name]}

    def role_get(self, role):
        # Proto's JSON leaves out READ, the first of its types.
        shown = [{k: v for k, v in one.items() if v != "READ"} for one in self.store.roles[role].values()]
        return {"perm": shown}

    def user_add(self, name, password):
        self.store.users[name], self.store.granted[name] = password, []

    def user_delete(self, name):
        del self.store.users[name], self.store.granted[name]

    def role_delete(self, role):
        del self.store.roles[role]

    def user_changepw(self, name, password):
        self.store.users[name] = password

    def user_grant(self, user, role):
        self.store.granted[user].append(role)

    def user_revoke(self, name, role):
        self.store.granted[name].remove(role)

    def role_add(self, name):
        self.store.roles[name] = {}

    def role_grant(self, name, perm):
        self.store.roles[name][perm["key"], perm["range_end"]] = perm

    def role_revoke(self, role, key, range_end):
        del self.store.roles[role][key, range_end]

    def enable(self):
        assert "root" in self.store.granted["root"]
        self.store.enabled = True


@pytest.fixture
def etcd(monkeypatch, tmp_path):
    monkeypatch.setattr(Model, "store", Store())
    monkeypatch.setattr(etcd_users, "Etcd", Model)
    monkeypatch.setattr(etcd_users, "WANTED", str(tmp_path / "wanted.json"))
    monkeypatch.setattr(etcd_users, "APPLIED", str(tmp_path / "applied.json"))
    return Model.store


def run(users=USERS):
    """A deploy; what a check finds after it."""
    spec = {"url": "", "users": users}
    with open(etcd_users.WANTED, "w") as file:
        json.dump(spec, file)
    etcd_users.apply(spec)
    return etcd_users.check(spec)


def test_the_first_deploy_creates_all_and_asks_for_passwords(etcd):
    assert etcd_users.check({"url": "", "users": USERS}) == "authentication is not enabled"
    assert run() is None
    assert etcd.enabled and etcd.users == {"root": "r", "patroni": "p", "firedrill": "f"}
    assert etcd.granted == {name: [name] for name in USERS}


def test_a_permission_covers_the_prefix_and_no_more():
    assert etcd_users.permission("READ", prefix="/a/") == {
        "permType": "READ",
        "key": etcd_users.encoded("/a/"),
        "range_end": etcd_users.encoded("/a0"),
    }


def widened(store):
    key = etcd_users.encoded("a"), etcd_users.encoded("z")
    store.roles["firedrill"][key] = {"permType": "READWRITE", "key": key[0], "range_end": key[1]}


def writable(store):
    (one,) = store.roles["firedrill"].values()
    one["permType"] = "READWRITE"


CHANGES = {
    "role firedrill may access other keys": widened,
    "role firedrill may not access its keys": writable,
    "user firedrill has the role root": lambda store: store.granted["firedrill"].append("root"),
    "user patroni has another password": lambda store: store.users.update(patroni="x"),
    "no user patroni": lambda store: store.users.pop("patroni"),
    "authentication is not enabled": lambda store: setattr(store, "enabled", False),
}


@pytest.mark.parametrize("found", CHANGES)
def test_what_somebody_changed_is_found_and_set_back(etcd, found):
    run()
    CHANGES[found](etcd)
    expected = "user patroni has another password" if found == "no user patroni" else found
    assert etcd_users.check({"url": "", "users": USERS}) == expected
    assert run() is None


def test_all_passwords_change_in_one_deploy(etcd):
    run()
    assert run({name: user | {"password": user["password"] + "2"} for name, user in USERS.items()}) is None
    assert etcd.users == {"root": "r2", "patroni": "p2", "firedrill": "f2"}


def test_a_user_of_before_lives_until_the_end_of_the_deploy_that_brings_another(etcd, capsys):
    run()
    etcd.users["backup"], etcd.granted["backup"], etcd.roles["backup"] = "b", ["backup"], {}
    users = {"patroni-0123abcd" if name == "patroni" else name: user for name, user in USERS.items()}
    assert run(users) is None
    assert {"patroni", "patroni-0123abcd"} <= etcd.users.keys() and etcd.granted["patroni-0123abcd"] == ["patroni"]
    spec = {"url": "", "users": users}
    etcd_users.list_superseded(spec)
    assert capsys.readouterr().out.splitlines()[-1:] == ["patroni"]
    etcd_users.remove_superseded(spec)
    assert etcd.users.keys() == {"root", "patroni-0123abcd", "firedrill", "backup"}
    assert etcd_users.check(spec) is None


def added(store, name, role, *permissions):
    store.users[name], store.granted[name] = "x", [role]
    store.roles.setdefault(role, {}).update({(one["key"], one["range_end"]): one for one in permissions})


def may(access, key, end=""):
    encoded = [etcd_users.encoded(text) for text in (key, end)]
    return {"permType": access, "key": encoded[0], "range_end": encoded[1]}


@pytest.mark.parametrize(
    ("role", "permissions", "foreign"),
    [
        ("root", [], True),
        ("patroni", [], True),
        ("ops", [may("READWRITE", "/service/demo/config")], True),
        ("ops", [may("WRITE", "/", "0")], True),
        ("ops", [may("WRITE", "/service/demo/x", "\0")], True),
        ("ops", [may("READ", "/", "0")], False),
        ("ops", [may("READWRITE", "/service/demo0", "/z")], False),
        ("ops", [may("READWRITE", "/service/demo")], False),
        ("firedrill", [], False),
    ],
)
def test_a_user_of_others_who_could_change_patronis_settings_is_named(etcd, capsys, role, permissions, foreign):
    run()
    added(etcd, "mallory", role, *permissions)
    spec = {"url": "", "users": USERS}
    capsys.readouterr()
    etcd_users.list_foreign(spec)
    assert capsys.readouterr().out.splitlines() == ([f"mallory (role {role})"] if foreign else [])
    if foreign:
        assert etcd_users.check(spec) == f"user mallory (role {role}) is not ours"
        with pytest.raises(Refused, match=r"can write Patroni's settings: mallory"):
            run(USERS | {"new": USERS["firedrill"]})
        assert "new" not in etcd.users, "nothing is changed"


def test_who_waits_for_a_first_deploy_is_named_too(etcd):
    """Before authentication is enabled, anybody can make a user."""
    added(etcd, "mallory", "root")
    with pytest.raises(Refused, match="mallory"):
        run()
    assert not etcd.enabled


def test_users_of_others_are_kept(etcd):
    run()
    etcd.users["backup"], etcd.granted["backup"], etcd.roles["backup"] = "b", ["backup"], {}
    assert run() is None
    assert "backup" in etcd.users and "backup" in etcd.roles


def test_without_the_password_of_root_it_says_so(etcd, capsys, monkeypatch):
    run()
    etcd.users["root"] = "x"
    monkeypatch.setattr("sys.argv", ["firedrill-etcd-users"])
    assert etcd_users.main() == 1
    assert capsys.readouterr().err.startswith("etcd: authenticate: authentication failed")


def test_retired_users_and_their_roles_are_removed(etcd):
    fence = {"role": "fence", "password": "x", "grants": [{"key": "/service/demo/leader", "access": "WRITE"}]}
    assert run(USERS | {"fence": fence}) is None
    assert [*etcd.roles["fence"].values()] == [etcd_users.permission("WRITE", key="/service/demo/leader")]
    spec = {"url": "", "users": USERS, "retired": ["fence", "fence-proxy"]}
    assert etcd_users.check(spec) == "user fence is no longer used"
    etcd_users.apply(spec)
    assert "fence" not in etcd.users and "fence" not in etcd.roles and etcd_users.check(spec) is None


def test_a_user_of_others_with_the_name_of_a_retired_one_is_kept(etcd):
    run()
    etcd.users["fence"], etcd.granted["fence"], etcd.roles["own"] = "b", ["own"], {}
    etcd_users.apply({"url": "", "users": USERS, "retired": ["fence"]})
    assert "fence" in etcd.users and "own" in etcd.roles


def test_a_retired_user_ends_no_deploy(etcd):
    """It may write two of Patroni's keys, and is no longer in the file."""
    run(
        USERS
        | {"fence": {"role": "fence", "password": "x", "grants": [{"key": "/service/demo/leader", "access": "WRITE"}]}}
    )
    spec = {"url": "", "users": USERS}
    assert etcd_users.check(spec) == "user fence (role fence) is not ours"
    assert etcd_users.check(spec | {"retired": ["fence"]}) == "user fence is no longer used"


def test_the_file_of_an_older_deploy_is_understood():
    older = {"role": "patroni", "password": "p", "prefix": "/service/demo/", "access": "READWRITE"}
    assert etcd_users.wanted_permissions(older) == etcd_users.wanted_permissions(USERS["patroni"])

"""New passwords without TLS, and those of a MySQL group, in the files that a deploy would write."""

import re

import jinja2
import pytest

from firedrill import package
from firedrill.deploy.database import verifiers
from firedrill.inventories import secrets
from firedrill.inventories.__main__ import main
from firedrill.inventories.mysql_literal import literal as quoted
from tests.deploy.test_mysql import FAKE
from tests.deploy.test_templates import ROOT, collect

CLUSTER = "firedrill"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The old passwords, the new ones, and all that is written on hosts without TLS."""
    folder = tmp_path_factory.mktemp("plain")
    known = {"secrets_file": str(folder / "secrets.json"), "cluster": CLUSTER, "secrets": {}}
    old = secrets.load(known)
    secrets.rotate(known)
    new = secrets.coming(known)
    files = collect("inventories/fake.py", "--data", f"secrets_file={folder}/secrets.json", "--data", "tls=False")
    return old, new, files


def test_without_tls_too_every_service_gets_its_new_passwords(plain):
    old, new, files = plain
    text = {host: "\n".join(file[0] for file in found.values()) for host, found in files.items()}
    assert not [(host, name) for host in text for name, password in old.items() if password in text[host]]
    for host, names in {"db1": ("superuser", "replication", "rewind", "patroni_rest"), "app1": ("weather",)}.items():
        assert [name for name in names if new[name] not in text[host]] == []


def test_without_tls_the_users_of_the_database_get_other_verifiers(plain):
    old, new, _ = plain
    before, after = (verifiers(passwords, CLUSTER) for passwords in (old, new))
    assert before.keys() == after.keys() and not set(before.values()) & set(after.values())


def test_without_tls_nobody_asks_for_the_passwords_of_etcd_and_the_statistics(plain):
    _, new, files = plain
    text = "\n".join(file[0] for found in files.values() for file in found.values())
    assert not [name for name in ("etcd_root", "etcd_patroni", "haproxy_stats") if new[name] in text]
    assert "/etc/firedrill/etcd-users.json" not in files["etcd1"]


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    """The inventory of a MySQL group."""
    folder = tmp_path_factory.mktemp("group")
    head = (ROOT / "inventories/fake.py").read_text().split("etcd = ")[0]
    (folder / "fake_mysql.py").write_text(head + FAKE)
    (folder / "group_data").symlink_to(ROOT / "inventories/group_data")
    return folder / "fake_mysql.py"


def test_generated_passwords_of_a_group_are_not_rotated(group, monkeypatch, capsys):
    """Its servers would keep the old ones, and clients would take the new ones."""
    monkeypatch.setattr("sys.argv", ["secrets", "-i", str(group), "rotate"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "secrets of the system group_replication cannot be rotated: change them by hand" in capsys.readouterr().err


def test_a_password_of_a_group_that_was_changed_where_it_is_kept_reaches_servers_and_keeper(
    group, monkeypatch, tmp_path
):
    monkeypatch.setenv("KEPT", "new'secret")
    kept = ("--data", 'secrets={"replication": {"password_env": "KEPT"}}')
    files = collect(group, "--data", f"secrets_file={tmp_path}/secrets.json", *kept)
    assert 'password = "new\'secret"' in files["db1"]["/etc/firedrill/mysql/recovery.cnf"][0]
    template = jinja2.Template(package.file("templates/mysql-database.sql.j2").read_text())
    passwords = {"firedrill": "a", "group_admin": "b", "replication": "new'secret", "weather": "c"}
    known = {"firedrill": "firedrill", "replicator": "replication"}
    sql = template.render(passwords=passwords, secrets=known, quoted=quoted, members=lambda _: [], app={})
    assert re.search(r"^ALTER USER 'replicator'@'%' IDENTIFIED BY 'new''secret' REQUIRE SSL;$", sql, re.M)

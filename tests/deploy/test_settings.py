"""What is compared and computed on the way to the hosts."""

import base64
import hashlib
import hmac
import io
import re
import tarfile

import pytest

from firedrill.deploy.database import USERS, verifier, verifiers
from firedrill.deploy.operations.files import FileStates, HostFile, archive
from firedrill.deploy.settings import COMMAND, _steps, difference, merged, refuse_unsafe
from firedrill.inventories.errors import InventoryProblem


@pytest.mark.parametrize(
    ("found", "wanted", "patch"),
    [
        ({"ttl": 20}, {"ttl": 20}, {}),
        ({"ttl": 30, "pause": True}, {"ttl": 20}, {"ttl": 20}),
        ({}, {"failsafe_mode": False}, {"failsafe_mode": False}),
        (
            {"postgresql": {"use_slots": True, "parameters": {"a": 1, "b": 2}}},
            {"postgresql": {"use_slots": True, "parameters": {"a": 1, "b": 3}}},
            {"postgresql": {"parameters": {"b": 3}}},
        ),
        ({"postgresql": None}, {"postgresql": {"parameters": {"a": 1}}}, {"postgresql": {"parameters": {"a": 1}}}),
    ],
)
def test_only_what_differs_is_patched(found, wanted, patch):
    assert difference(found, wanted) == patch


def test_a_verifier_proves_the_password_and_is_the_same_each_time():
    made = verifier("secret", "firedrill")
    assert made == verifier("secret", "firedrill") != verifier("secret", "weather")
    salt, stored, server = re.fullmatch(r"SCRAM-SHA-256\$4096:([^$]+)\$([^:]+):(.+)", made).groups()
    salted = hashlib.pbkdf2_hmac("sha256", b"secret", base64.b64decode(salt), 4096)
    client_key = hmac.new(salted, b"Client Key", "sha256").digest()
    assert base64.b64decode(stored) == hashlib.sha256(client_key).digest()
    assert base64.b64decode(server) == hmac.new(salted, b"Server Key", "sha256").digest()
    assert "secret" not in made


def test_a_salt_tells_nothing_about_a_password_of_its_user():
    """PostgreSQL tells it before the login: who knows it must not be able to compare a guess with it."""
    known = dict.fromkeys(USERS.values(), "one")
    made, other = verifiers(known, "demo"), verifiers(known | {"replication": "two"}, "demo")
    assert made == verifiers(known, "demo") and len(set(made.values())) == len(USERS)
    assert [user for user in USERS if made[user].split("$")[1] == other[user].split("$")[1]] == []


def test_files_travel_with_their_mode_and_owner():
    packed = archive([HostFile("/etc/a/b.conf", "ü\n", mode=0o640, group="postgres")])
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed))) as tar:
        (entry,) = tar.getmembers()
        assert (entry.name, entry.mode, entry.uname, entry.gname) == ("etc/a/b.conf", 0o640, "root", "postgres")
        assert tar.extractfile(entry).read().decode() == "ü\n"


def test_a_file_that_is_right_reads_as_it_should_be():
    file = HostFile("/etc/a b.conf", "x", mode=0o600)
    said = f"{hashlib.sha256(b'x').hexdigest()} 600 root root /etc/a b.conf"
    assert FileStates().process([said]) == {"/etc/a b.conf": file.state}


def test_the_content_of_a_file_is_not_in_its_repr():
    assert "secret" not in repr(HostFile("/etc/x", "secret"))


WANTED = {"ttl": 20, "postgresql": {"use_slots": True, "parameters": {"max_connections": 200}}}
UNSAFE = {
    "a command": {"archive_command": "curl x | sh"},
    "a library": {"shared_preload_libraries": "x"},
    "a command of an extension": {"plperl.on_init": "x"},
    "a number of an extension": {"cron.max": 1},
    "TLS off": {"ssl": "off"},
    "no durability": {"fsync": False},
    "data after a failed fsync": {"data_sync_retry": "on"},
    "another file": {"hba_file": "/tmp/x"},
}


def with_parameters(**more):
    return {"ttl": 20, "postgresql": {"use_slots": True, "parameters": {"max_connections": 200} | more}}


@pytest.mark.parametrize("name", UNSAFE)
def test_a_foreign_parameter_that_can_do_harm_is_refused_by_name_and_its_value_is_not_shown(name):
    ((key, value),) = UNSAFE[name].items()
    with pytest.raises(InventoryProblem, match=f"durability: postgresql.parameters.{re.escape(key)}: find") as refused:
        refuse_unsafe(with_parameters(**UNSAFE[name]), WANTED)
    assert "\n" not in str(refused.value) and f"= {value}" not in str(refused.value)


@pytest.mark.parametrize(
    "more",
    [
        {"standby_cluster": {"host": "192.0.2.66"}},
        {"slots": {"a": {"type": "logical", "plugin": "x"}}},
        {"postgresql": {"callbacks": {"on_start": "/tmp/x"}}},
        {"postgresql": {"pg_hba": ["host all all 0.0.0.0/0 trust"]}},
        {"postgresql": {"recovery_conf": {"restore_command": "x"}}},
        {"postgresql": {"bin_name": {"postgres": "x"}}},
        {"postgresql": {"create_replica_methods": ["x"], "x": {"command": "y"}}},
    ],
)
def test_a_foreign_text_anywhere_is_refused(more):
    with pytest.raises(InventoryProblem, match="did not set"):
        refuse_unsafe(WANTED | more, WANTED)


def test_foreign_numbers_switches_and_names_are_listed():
    found = {"pause": True, "maximum_lag_on_syncnode": 1, "check_timeline": None} | with_parameters(
        work_mem="4MB", log_statement="ddl", autovacuum="on", random_page_cost=1.1
    )
    names = ["work_mem", "log_statement", "autovacuum", "random_page_cost"]
    assert refuse_unsafe(found, WANTED) == [
        "pause",
        "maximum_lag_on_syncnode",
        *(f"postgresql.parameters.{name}" for name in names),
    ]


def test_what_the_inventory_states_is_not_foreign_and_our_own_settings_win():
    given = {"ttl": 99, "postgresql": {"callbacks": {"on_start": "/x"}}}
    both = merged(given, WANTED)
    assert both == {"ttl": 20, "postgresql": WANTED["postgresql"] | {"callbacks": {"on_start": "/x"}}}
    assert refuse_unsafe(both, both) == []


def test_foreign_settings_that_were_not_seen_before_the_deploy_end_it_by_name():
    """Before it, Patroni did not run, so that nothing could be asked."""
    found = with_parameters(archive_command="curl x | sh")
    (step,) = _steps(found, WANTED, executing=True)
    shown = step.get_raw_value()
    assert shown.startswith("echo ") and "archive_command" in shown and "curl" not in shown.partition(">&2")[0]
    assert shown.endswith(">&2; exit 1") and COMMAND not in shown


@pytest.mark.parametrize(
    ("found", "executing", "patched"),
    [({}, False, False), ({}, True, True), (WANTED, True, False), (WANTED | {"ttl": 30}, False, True)],
)
def test_the_settings_are_patched_where_they_differ(found, executing, patched):
    assert bool(list(_steps(found, WANTED, executing=executing))) is patched

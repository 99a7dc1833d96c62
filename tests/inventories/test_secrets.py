"""Secrets: where they come from, who may read their file, and one line with cause and remedy where there is none."""

import errno
import json
import multiprocessing
import os
import stat
import sys
import time
from dataclasses import replace

import pytest

from firedrill.inventories import private, secrets, sources
from firedrill.inventories.__main__ import main
from firedrill.inventories.access import Access
from firedrill.inventories.errors import InventoryProblem, Problem
from firedrill.inventories.read import check, read

HIDDEN = "do-not-show"


def data(file, cluster="one", **given):
    return {"secrets_file": str(file), "cluster": cluster, "secrets": given}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "deep/secrets.json"


def python(code: str) -> list[str]:
    return [sys.executable, "-ISc", code]


# -- the file of generated passwords -----------------------------------------------------------------


def test_passwords_are_generated_once_in_a_file_of_mode_0600(file):
    first = secrets.load(data(file))
    assert secrets.load(data(file)) == first
    assert secrets.load(data(file, "two"))["superuser"] != first["superuser"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(json.loads(file.read_text())) == {"one", "two"}


def test_a_name_added_later_gets_a_password_and_the_rest_keep_theirs(tmp_path):
    private.write(tmp_path / "secrets.json", json.dumps({"one": {"superuser": "old"}}))
    loaded = secrets.load(data(tmp_path / "secrets.json"))
    assert loaded["superuser"] == "old"
    assert set(loaded) == set(secrets.NAMES)


def open_to_others(file):
    file.chmod(0o640)
    return rf"mode 0640.*chmod 600 {file}"


def a_link(file):
    file.rename(file.with_name("other"))
    file.symlink_to("other")
    return "is a symbolic link"


def of_another_user(file):
    os.chown(file, 4711, 4711)
    return r"belongs to another user .uid 4711.*chown"


def a_folder(file):
    file.unlink()
    file.mkdir()
    return "is not a regular file"


def a_pipe(file):
    file.unlink()
    os.mkfifo(file, 0o600)
    return "is not a regular file"


def half_written(file):
    file.write_text('{"one": {"superuser": "do-not-sh')
    return "is not valid JSON: .* in line 1: restore it from a copy"


def of_another_form(file):
    file.write_text('{"one": {"superuser": ["do-not-show"]}}')
    return "does not hold names and passwords by cluster: restore it"


def empty_password(file):
    file.write_text('{"one": {"superuser": ""}}')
    return "does not hold names and passwords by cluster: restore it"


def two_lines(file):
    file.write_text('{"one": {"superuser": "do-not-show\\nx"}}')
    return "does not hold names and passwords by cluster: restore it"


def not_text(file):
    file.write_bytes(b"\xff\xfe{}")
    return "is not UTF-8"


BROKEN = [open_to_others, a_link, of_another_user, a_folder, a_pipe, half_written, of_another_form, not_text]
BROKEN += [empty_password, two_lines]


@pytest.mark.parametrize("damage", BROKEN, ids=lambda damage: damage.__name__)
def test_a_file_that_cannot_be_trusted_is_refused_in_one_line(file, damage):
    secrets.load(data(file))
    wanted = damage(file)
    for ask in (secrets.load, secrets.known):
        with pytest.raises(Problem, match=wanted) as refused:
            ask(data(file))
        assert "\n" not in str(refused.value) and HIDDEN[:9] not in str(refused.value)


def test_a_full_disk_leaves_the_file_as_it_was(file, monkeypatch):
    secrets.load(data(file))
    before = file.read_text()
    monkeypatch.setattr(private.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(OSError, match="full"):
        secrets.load(data(file, "two"))
    assert file.read_text() == before
    assert sorted(one.name for one in file.parent.iterdir()) == ["secrets.json", "secrets.lock"]


def _load(file, start, out):
    start.wait()
    out.put(dict(secrets.load(data(file))))


def test_two_processes_at_the_same_time_agree(file):
    fork = multiprocessing.get_context("fork")
    start, out = fork.Barrier(4), fork.Queue()
    processes = [fork.Process(target=_load, args=(file, start, out)) for _ in range(4)]
    for process in processes:
        process.start()
    found = [out.get(timeout=20) for _ in processes]
    for process in processes:
        process.join()
    assert len(found[0]) == len(secrets.NAMES) and all(one == found[0] for one in found)


# -- sources -----------------------------------------------------------------------------------------


def test_a_secret_is_kept_where_the_inventory_says(file, monkeypatch):
    monkeypatch.setenv("REST_PW", "from-env")
    private.write(file.parent.parent / "pw", "from-file\n")
    given = {
        "superuser": {"password_command": python("print('from-command'); print('more')")},
        "patroni_rest": {"password_env": "REST_PW"},
        "rewind": {"password_file": str(file.parent.parent / "pw")},
    }
    loaded = secrets.load(data(file, **given))
    assert [loaded[name] for name in given] == ["from-command", "from-env", "from-file"]
    assert not given.keys() & json.loads(file.read_text())["one"].keys()
    assert "from" not in repr(loaded)


def test_one_command_for_all_secrets(file):
    given = {
        "*": {"password_command": [*python("import sys; print('-'.join(sys.argv[1:]))"), "{cluster}", "of {name}"]},
        "weather": {"password": "own"},
    }
    loaded = secrets.load(data(file, **given))
    assert (loaded["superuser"], loaded["weather"]) == ("one-of superuser", "own")
    assert not file.exists()


def test_a_command_runs_once_and_only_if_its_password_is_needed(file, tmp_path):
    ran = tmp_path / "ran"
    command = python(f"open({str(ran)!r}, 'a').write('x'); print('pw')")
    loaded = secrets.load(data(file, superuser={"password_command": command}))
    assert not ran.exists()
    assert [loaded["superuser"], loaded["superuser"]] == ["pw", "pw"]
    assert ran.read_text() == "x"


LEAKS = f"import sys; print('{HIDDEN}'); print('{HIDDEN}', file=sys.stderr); sys.exit(3)"
NONE = [
    ({"password_command": python(LEAKS)}, r"ended with exit code 3\): run its password_command by hand"),
    ({"password_command": ["/no/such/program", HIDDEN]}, r"/no/such/program cannot be run: No such file"),
    ({"password_command": python("pass")}, r"it is empty\): store a password there"),
    ({"password_command": python("print('a\\x07b')")}, "it is not one line of printable characters"),
    ({"password_env": "NO_SUCH_VARIABLE"}, r"the environment has no NO_SUCH_VARIABLE\): export NO_SUCH_VARIABLE"),
    ({"password_file": "/no/such/file"}, r"/no/such/file: No such file or directory\): correct its password_file"),
    ({"password_file": "/etc/passwd"}, r"/etc/passwd is accessible to other users .*chmod 600 /etc/passwd"),
    ({"password": ""}, "it is empty"),
    ({"password": "pässword"}, "other characters than ASCII"),
    ({}, "give it one of password, password_file, password_env, password_command"),
]


@pytest.mark.parametrize(("entry", "wanted"), NONE)
def test_no_password_is_one_line_with_cause_and_remedy(file, entry, wanted):
    with pytest.raises(InventoryProblem, match=wanted) as refused:
        secrets.load(data(file, superuser=entry))["superuser"]
    assert "the secret superuser" in str(refused.value)
    assert "\n" not in str(refused.value) and HIDDEN not in str(refused.value)


def test_a_command_has_a_deadline(file, monkeypatch):
    monkeypatch.setattr(sources, "SECONDS", 0.2)
    began = time.monotonic()
    with pytest.raises(InventoryProblem, match=r"did not end within 0.2 s\): unlock it first"):
        secrets.load(data(file, superuser={"password_command": ["sleep", "20"]}))["superuser"]
    assert time.monotonic() - began < 10


def test_a_command_that_failed_is_not_run_again(file, tmp_path):
    ran = tmp_path / "ran"
    command = python(f"import sys; open({str(ran)!r}, 'a').write('x'); sys.exit(1)")
    loaded = secrets.load(data(file, superuser={"password_command": command}))
    for _ in range(2):
        with pytest.raises(InventoryProblem, match="ended with exit code 1"):
            loaded["superuser"]
    assert ran.read_text() == "x"


def test_a_command_reads_nothing_from_the_terminal(file):
    command = python("import sys; print(repr(sys.stdin.read()))")
    assert secrets.load(data(file, superuser={"password_command": command}))["superuser"] == "''"


@pytest.mark.parametrize("kind", ["sql", "patroni_rest", "etcd", "haproxy_stats"])
def test_each_credential_can_come_from_a_command(kind):
    inventory = read()
    credentials = inventory.data["credentials"] | {
        kind: {"user": "someone", "password_command": python("print('pw-of-command')")}
    }
    hosts = tuple(replace(host, data=host.data | {"credentials": credentials}) for host in inventory.hosts)
    check(inventory.path, hosts)
    there = Access(replace(inventory, hosts=hosts), secrets.Secrets())
    assert there.credential(kind) == ("someone", "pw-of-command")
    assert there.secrets == {"pw-of-command"}


WRONG = [
    ("credentials", {"sql": {"user": "x", "password_command": "pass show x"}}, "a list of a program"),
    ("credentials", {"sql": {"user": "x", "password_command": []}}, "a list of a program"),
    ("secrets", {"superuser": {"password_command": "pass show x"}}, "a list of a program"),
    ("secrets", {"superuser": "x"}, "a dictionary"),
    ("secrets", {"superusr": {"password": "x"}}, "did you mean 'superuser'"),
    ("secrets", {"superuser": {"pasword": "x"}}, "did you mean 'password'"),
]


@pytest.mark.parametrize(("key", "value", "wanted"), WRONG)
def test_a_source_of_another_form_is_refused_when_the_inventory_is_read(key, value, wanted):
    inventory = read()
    value = inventory.data[key] | value
    hosts = tuple(replace(host, data=host.data | {key: value}) for host in inventory.hosts)
    with pytest.raises(InventoryProblem, match=wanted):
        check(inventory.path, hosts)


# -- rotation ----------------------------------------------------------------------------------------


def test_a_rotated_secret_has_both_passwords_until_a_deploy_has_carried_the_new_one(file):
    old = dict(secrets.load(data(file)))
    assert secrets.rotate(data(file), ["superuser"]) == ["superuser"]
    assert secrets.load(data(file))["superuser"] == old["superuser"], "clients go on with what the services know"
    new = secrets.coming(data(file))
    assert [name for name in old if new[name] != old[name]] == ["superuser"]
    secrets.carried(data(file), new)
    assert secrets.load(data(file)) == new
    assert secrets.waiting(data(file)) == []


def test_the_passwords_that_wait_are_known_so_that_none_is_shown(file):
    secrets.load(data(file))
    secrets.rotate(data(file))
    assert set(secrets.coming(data(file)).values()) <= set(secrets.load(data(file)).values())


def test_rotated_again_before_a_deploy_it_keeps_what_a_killed_deploy_may_have_carried(file):
    secrets.load(data(file))
    assert secrets.rotate(data(file)) == list(secrets.NAMES)
    first = secrets.coming(data(file))
    secrets.rotate(data(file))
    assert secrets.coming(data(file)) == first


def test_a_password_that_another_deploy_carried_is_left_to_it(file):
    secrets.load(data(file))
    before = secrets.coming(data(file))
    secrets.rotate(data(file), ["weather"])
    secrets.carried(data(file), before)
    assert secrets.waiting(data(file)) == ["weather"]


@pytest.mark.parametrize(
    ("name", "wanted"), [("nobody", "no secret 'nobody': the secrets are"), ("superuser", "change it where it is kept")]
)
def test_what_is_no_secret_of_ours_is_not_rotated(file, name, wanted):
    with pytest.raises(Problem, match=wanted):
        secrets.rotate(data(file, superuser={"password_env": "X"}), [name])


def test_the_command_rotates_and_shows_no_password(inventory_file, file, capsys, monkeypatch):
    text = f'postgres = [("db1", {{"ssh_hostname": "192.0.2.1", "secrets_file": "{file}"}})]\n'
    inventory = inventory_file(text)
    monkeypatch.setattr("sys.argv", ["secrets", "-i", str(inventory), "rotate"])
    for ready, wanted in ((False, "no secret was generated yet: the first deploy"), (True, "new: superuser, repl")):
        if ready:
            secrets.load(data(file, "firedrill"))
        with pytest.raises(SystemExit) as ended:
            main()
        shown = "".join(capsys.readouterr())
        assert wanted in shown and (ended.value.code or 0) == (0 if ready else 2)
    assert not any(password in shown for password in secrets.load(data(file, "firedrill")).values())

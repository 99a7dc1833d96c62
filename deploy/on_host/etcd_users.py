#!/usr/bin/python3
"""firedrill-etcd-users: etcd's users, and that nobody else may do anything. Run by Firedrill's deploy.

    firedrill-etcd-users [--check | --foreign | --superseded | --remove-superseded]

Reads /etc/firedrill/etcd-users.json. With --check it only reports: exit 1 names the first difference. A user or role
that is not in the file is kept, but a user who can write what Patroni reads: --foreign lists those, and while there are
any, nothing is changed. A user who has a role of one in the file had an older password: after a change of it both users
exist until --remove-superseded; --superseded lists such users. What was applied last is kept in a second file, for a
later change of root's password.
"""

import argparse
import base64
import http.client
import json
import os
import re
import ssl
import sys
from urllib.parse import urlsplit

WANTED = "/etc/firedrill/etcd-users.json"
APPLIED = "/etc/firedrill/etcd-users.applied.json"
TLS = "/etc/firedrill/tls"
TIMEOUT = 10
ROOT = "root"


class Refused(Exception):
    """etcd does not do this; the text is its answer."""


class Etcd:
    """The JSON gateway of the member on this host."""

    def __init__(self, url):
        parts = urlsplit(url)
        context = ssl.create_default_context(cafile=f"{TLS}/ca.crt")
        context.load_cert_chain(f"{TLS}/etcd.crt", f"{TLS}/etcd.key")
        self._place, self._context, self._token = (parts.hostname, parts.port), context, None

    def call(self, path, **body):
        """The answer to a call. Raises Refused."""
        headers = {"Authorization": self._token} if self._token else {}
        connection = http.client.HTTPSConnection(*self._place, timeout=TIMEOUT, context=self._context)
        try:
            connection.request("POST", f"/v3/auth/{path}", json.dumps(body), headers)
            answer = connection.getresponse()
            found = json.loads(answer.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Refused(f"{path}: {error or type(error).__name__}") from None
        finally:
            connection.close()
        if answer.status != 200:
            raise Refused(f"{path}: {found.get('message') or found.get('error') or answer.status}")
        return found

    def log_in(self, user, password):
        """Use this user from now on. False if authentication is not enabled. Raises Refused for a wrong password."""
        try:
            self._token = self.call("authenticate", name=user, password=password)["token"]
        except Refused as refused:
            if "not enabled" in str(refused):
                return False
            raise
        return True


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def permission(access, prefix="", key=""):
    """What a role with access to all keys of a prefix has, or to one key."""
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else ""
    return {"permType": access, "key": encoded(key or prefix), "range_end": encoded(end)}


def permissions_of(etcd, role):
    """As permission() gives them: etcd leaves out READ, the first of its types."""
    found = etcd.call("role/get", role=role).get("perm", [])
    return [{"permType": "READ", "key": "", "range_end": ""} | one for one in found]


def grants(user):
    """What a user may do. The file of an older deploy has one prefix and its access instead."""
    older = [{"prefix": user["prefix"], "access": user["access"]}] if "prefix" in user else []
    return user.get("grants", older)


def wanted_permissions(user):
    return [permission(**grant) for grant in grants(user)]


def differences(etcd, users, retired=()):
    """What etcd has otherwise than wanted, as (what, how to change it). Each retired user has a role of its name."""
    known, roles = etcd.call("user/list").get("users", []), etcd.call("role/list").get("roles", [])
    for name in retired:
        if name in known and etcd.call("user/get", name=name).get("roles", []) == [name]:
            yield f"user {name} is no longer used", [("user/delete", {"name": name}), ("role/delete", {"role": name})]
    for name, user in users.items():
        role = user["role"]
        if role not in roles:
            yield f"no role {role}", [("role/add", {"name": role})]
        if role != ROOT:
            yield from _permissions(etcd, role, wanted_permissions(user), role in roles)
        if name not in known:
            yield f"no user {name}", [("user/add", {"name": name, "password": user["password"]})]
        yield from _roles(etcd, name, role, name in known)


def _permissions(etcd, role, wanted, exists):
    found = permissions_of(etcd, role) if exists else []
    for one in wanted:
        if one not in found:
            yield f"role {role} may not access its keys", [("role/grant", {"name": role, "perm": one})]
    kept = [(one["key"], one["range_end"]) for one in wanted]
    for one in found:
        if one not in wanted and (one["key"], one["range_end"]) not in kept:
            what = {"role": role, "key": one["key"], "range_end": one["range_end"]}
            yield f"role {role} may access other keys", [("role/revoke", what)]


def _roles(etcd, user, wanted, exists):
    found = etcd.call("user/get", name=user).get("roles", []) if exists else []
    if wanted not in found:
        yield f"user {user} lacks its role", [("user/grant", {"user": user, "role": wanted})]
    for role in found:
        if role != wanted:
            yield f"user {user} has the role {role}", [("user/revoke", {"name": user, "role": role})]


def superseded(spec):
    """The users of before a change of a password, and etcd's client."""
    etcd, users = Etcd(spec["url"]), spec["users"]
    if not etcd.log_in(ROOT, users[ROOT]["password"]):
        return etcd, []
    ours = {user["role"] for user in users.values()} - {ROOT}
    others = [name for name in etcd.call("user/list").get("users", []) if name not in users]
    return etcd, [name for name in others if ours & set(etcd.call("user/get", name=name).get("roles", []))]


def decoded(text):
    return base64.b64decode(text or "")


def writes(found, prefix):
    """Whether a permission allows to write a key with this prefix."""
    if "WRITE" not in found["permType"]:
        return False
    first, last = prefix.encode(), prefix[:-1].encode() + bytes([ord(prefix[-1]) + 1])
    key, end = decoded(found["key"]), decoded(found["range_end"])
    if not end:
        return first <= key < last
    return key < last and (end == b"\0" or end > first)


def strangers(etcd, users, retired=()):
    """The users that are not in the file and can write what Patroni reads, with the role that lets them."""
    for name in etcd.call("user/list").get("users", []):
        for role in [] if name in users else etcd.call("user/get", name=name).get("roles", []):
            if role == name and name in retired:
                continue
            if role == ROOT or (not is_older(name, role, users) and may_write(etcd, role, users)):
                yield f"{name} (role {role})"


def is_older(name, role, users):
    """Whether it is a user of ours with another password, such as patroni-0123abcd, who goes at the end."""
    ours = {user["role"] for user in users.values()}
    return role in ours and re.fullmatch(re.escape(role) + "(-[0-9a-f]{8})?", name)


def may_write(etcd, role, users):
    prefixes = {grant["prefix"] for user in users.values() for grant in grants(user) if "prefix" in grant}
    return any(writes(one, prefix) for one in permissions_of(etcd, role) for prefix in prefixes)


def list_foreign(spec):
    etcd = Etcd(spec["url"])
    log_in(etcd, spec["users"])
    for found in strangers(etcd, spec["users"], spec.get("retired", ())):
        print(found)


def list_superseded(spec):
    for name in superseded(spec)[1]:
        print(name)


def remove_superseded(spec):
    etcd, names = superseded(spec)
    for name in names:
        etcd.call("user/delete", name=name)


def other_passwords(url, users):
    """The users that cannot log in with their password; root last, since a change of its own ends its session."""
    for name in sorted(users, key=lambda name: name == ROOT):
        try:
            Etcd(url).log_in(name, users[name]["password"])
        except Refused:
            yield name


def check(spec):
    """The first difference; None if there is none."""
    etcd, users, retired = Etcd(spec["url"]), spec["users"], spec.get("retired", ())
    if not etcd.log_in(ROOT, users[ROOT]["password"]):
        return "authentication is not enabled"
    for name in other_passwords(spec["url"], users):
        return f"user {name} has another password"
    found = [f"user {one} is not ours" for one in strangers(etcd, users, retired)]
    return next(iter([*found, *(what for what, _ in differences(etcd, users, retired))]), None)


def apply(spec):
    """Make etcd's users and roles as wanted, and enable authentication."""
    etcd, users, retired = Etcd(spec["url"]), spec["users"], spec.get("retired", ())
    enabled = log_in(etcd, users)
    if found := list(strangers(etcd, users, retired)):
        raise Refused(f"users that Firedrill did not make can write Patroni's settings: {'; '.join(found)}")
    for what, calls in list(differences(etcd, users, retired)):
        print(what)
        for path, body in calls:
            etcd.call(path, **body)
    # Without authentication no password can be tried.
    for name in list(other_passwords(spec["url"], users)) if enabled else users:
        etcd.call("user/changepw", name=name, password=users[name]["password"])
    if not enabled:
        etcd.call("enable")
    remember()


def log_in(etcd, users):
    """As root, with the password wanted or that of the last time. False if authentication is not enabled."""
    try:
        return etcd.log_in(ROOT, users[ROOT]["password"])
    except Refused:
        if not os.path.exists(APPLIED):
            raise
    return etcd.log_in(ROOT, read(APPLIED)["users"][ROOT]["password"])


def remember():
    new = APPLIED + ".new"
    if os.path.exists(new):
        os.unlink(new)
    with open(WANTED) as wanted, open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(wanted.read())
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, APPLIED)


def read(path):
    with open(path) as file:
        return json.load(file)


def main():
    parser = argparse.ArgumentParser(prog="firedrill-etcd-users", description=__doc__.splitlines()[0])
    options = parser.add_mutually_exclusive_group()
    for task in (check, list_foreign, list_superseded, remove_superseded):
        flag = "--" + task.__name__.removeprefix("list_").replace("_", "-")
        options.add_argument(flag, action="store_const", const=task, dest="task", default=apply)
    try:
        found = parser.parse_args().task(read(WANTED))
    except (Refused, OSError) as error:
        found = str(error)
    if found:
        print(f"etcd: {found}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

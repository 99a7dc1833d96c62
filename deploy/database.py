"""The users, the database and the schema of the weather app, created on the leader at the time of execution.

An idempotent SQL script. Its fingerprint is stored as the comment of the database, so it is replicated, and a second
deploy changes nothing. PostgreSQL gets passwords as SCRAM verifiers only, so that none can appear in a server log.
"""

import base64
import functools
import hashlib
import hmac
from collections.abc import Mapping

from pyinfra import host, state
from pyinfra.api import FactBase, QuoteString, StringCommand, operation

from firedrill import package
from firedrill.deploy import gate, topology
from firedrill.inventories.access import DATABASE, PROBE_USER

ITERATIONS = 4096
# The users, and the names of their secrets. Patroni creates the first three.
USERS = {
    "postgres": "superuser",
    "replicator": "replication",
    "rewinder": "rewind",
    DATABASE: DATABASE,
    PROBE_USER: PROBE_USER,
}
PSQL = "runuser -u postgres -- psql --no-psqlrc --quiet --tuples-only --no-align --set ON_ERROR_STOP=1"
LEADS = "select case when pg_is_in_recovery() then 'follows' else 'leads' end"
MADE = "select shobj_description(oid, 'pg_database') from pg_database where datname = '" + DATABASE + "'"


def database() -> None:
    """Create the users, the database and the tables."""
    gate.through()
    if not topology.has("postgres"):
        return
    created(name="Create the database on the leader", script=script())


def changed_passwords() -> None:
    """Change passwords before their clients have the new ones: open connections go on, new ones succeed at once.

    Otherwise no standby could connect between the reload of its configuration and the end of the deploy.
    """
    gate.through()
    if topology.has("postgres"):
        created(name="Change the passwords of an existing database", script=script(), existing=True)


def script() -> str:
    """The SQL script, with passwords as verifiers."""
    return topology.render(
        "database.sql.j2",
        verifiers=verifiers(topology.passwords(), topology.data()["cluster"]),
        schema=package.file("weather/schema_postgresql.sql").read_text(),
        cities=package.file("weather/cities.sql").read_text(),
        database=DATABASE,
        probe=PROBE_USER,
    )


def verifiers(passwords: Mapping[str, str], cluster: str) -> dict[str, str]:
    """The verifier of each user.

    PostgreSQL tells a user's salt to whoever asks to log in. So it depends on all passwords: of one alone it would be
    a hash that a guess can be compared with.
    """
    seed = "\0".join([cluster, *(passwords[name] for name in sorted(USERS.values()))])
    return {user: verifier(passwords[name], f"{user}\0{seed}") for user, name in USERS.items()}


@functools.cache
def verifier(password: str, seed: str) -> str:
    """PostgreSQL's SCRAM-SHA-256 verifier. The salt is derived from the seed, so that every run gives the same."""
    salt = hashlib.sha256(f"{seed}:{password}".encode()).digest()[:16]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"


class Fingerprint(FactBase[list[str]]):
    """["leads", fingerprint] on the leader, ["leads"] before the first run; ["follows", ...] or [] elsewhere."""

    default = list

    def command(self) -> StringCommand:
        ask = StringCommand(PSQL, "--command", QuoteString(LEADS), "--command", QuoteString(MADE))
        return StringCommand("cd / &&", ask, "2>/dev/null || true")

    def process(self, output: list[str]) -> list[str]:
        return output


def _is_planned_first(found: list[str]) -> bool:
    """Of a plan for hosts without a running PostgreSQL, the host that stands for the leader."""
    return not found and not state.is_executing and topology.me() == topology.first("postgres")


@operation()
def created(script: str, existing: bool = False):
    """
    Run the script on the leader, unless exactly this script was run before.

    + script: SQL
    + existing: only where the script was run before
    """
    fingerprint = hashlib.sha256(script.encode()).hexdigest()[:16]
    found = host.get_fact(Fingerprint)
    if not (found[:1] == ["leads"] or (_is_planned_first(found) and not existing)):
        host.noop("this node is not the leader")
        return
    if existing and len(found) < 2:
        host.noop("there is no database yet")
        return
    if fingerprint in found:
        host.noop("the database is up to date")
        return
    comment = f"\nCOMMENT ON DATABASE {DATABASE} IS '{fingerprint}';\n"
    yield StringCommand("cd / &&", PSQL, "--file -", _stdin=script + comment)

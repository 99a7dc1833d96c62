"""The users, the database and the schema of a MySQL group, created on its primary at the time of execution.

The fingerprint of the script is kept as an attribute of one of them, so that a second deploy changes nothing.
"""

import hashlib
import json

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation

from firedrill import package
from firedrill.deploy import gate, topology
from firedrill.inventories.access import DATABASE, PROBE_USER
from firedrill.inventories.mysql_literal import literal

MYSQL = "mysql --defaults-file=/dev/null --protocol=socket --batch --skip-column-names"
# The account of each user, and the name of its password.
SECRETS = {DATABASE: DATABASE, PROBE_USER: PROBE_USER, "firedrill_admin": "group_admin", "replicator": "replication"}
LOOK = f"""
SELECT 'leads' FROM performance_schema.replication_group_members
WHERE member_id = @@server_uuid AND member_state = 'ONLINE' AND member_role = 'PRIMARY';
SELECT attribute->>'$.script' FROM information_schema.user_attributes WHERE user = '{PROBE_USER}';
"""


def database() -> None:
    """Create the users, the database and the tables."""
    gate.through()
    if topology.has("mysqld"):
        created(name="Create the database on the primary", script=script())


def script() -> str:
    """The SQL script."""
    return topology.render(
        "mysql-database.sql.j2",
        passwords=topology.passwords(),
        secrets=SECRETS,
        quoted=literal,
        schema=package.file("weather/schema_mysql.sql").read_text(),
        cities=package.file("weather/cities.sql").read_text(),
    )


class Fingerprint(FactBase[list[str]]):
    """["leads", fingerprint] on the primary, ["leads"] before the first run; [] elsewhere."""

    default = list

    def command(self) -> StringCommand:
        return StringCommand(f"{MYSQL} -e", f'"{LOOK}"'.replace("$", "\\$"), "2>/dev/null || true")

    def process(self, output: list[str]) -> list[str]:
        return output


@operation()
def created(script: str):
    """
    Run the script on the primary, unless exactly this script was run before.

    + script: SQL
    """
    fingerprint = hashlib.sha256(script.encode()).hexdigest()[:16]
    found = host.get_fact(Fingerprint)
    if found[:1] != ["leads"]:
        host.noop("this server is not the primary")
        return
    if fingerprint in found:
        host.noop("the database is up to date")
        return
    attribute = json.dumps({"script": fingerprint})
    yield StringCommand(MYSQL, _stdin=f"{script}\nALTER USER '{PROBE_USER}'@'%' ATTRIBUTE '{attribute}';\n")

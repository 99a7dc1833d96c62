"""Faults on hosts that others live on: a second PostgreSQL, noisy profiles, another locale and name, MaxSessions 1."""

import json
import time

import pytest

from firedrill.cluster import ssh
from firedrill.cluster.patroni import rest
from firedrill.faults import doctor, engine, ledger
from firedrill.faults.catalogue import FAULTS
from firedrill.faults.protocol import NotClean
from firedrill.inventories.access import access
from firedrill.inventories.read import read
from tests.experiments.cluster.helpers import drilled
from tests.experiments.test_foreign import INVENTORY, TOKEN, build, own_files
from tests.faults.conftest import login
from tests.labs import place

pytestmark = pytest.mark.lab("crowded")
NAME, SUBNET = place("crowded")
# The second instance comes first in the order of names.
CROWD = """\
hostnamectl hostname PG-{name}.Prod
printf 'LANG=de_DE.UTF-8\\nLC_ALL=de_DE.UTF-8\\n' > /etc/default/locale
cat > /root/.bashrc <<'EOF'
echo '*** Authorised use only ***'
echo '@qdiscs'
echo 'no newline' >&2
export LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8 LANGUAGE=de
alias cat='cat -n'
EOF
cp /root/.bashrc /etc/profile.d/noise.sh
install -d -o postgres -m 700 /srv/pg/aaa
runuser -u postgres -- /usr/lib/postgresql/17/bin/initdb -D /srv/pg/aaa >/dev/null
systemd-run --quiet --unit=second --uid=postgres /usr/lib/postgresql/17/bin/postgres -D /srv/pg/aaa -p 5433 -k /tmp
echo 'MaxSessions 1' > /etc/ssh/sshd_config.d/one.conf; systemctl reload ssh
"""


@pytest.fixture(scope="module")
def ways(tmp_path_factory, lab_up):
    folder = tmp_path_factory.mktemp("crowded")
    ca = own_files(folder)
    words = {"name": NAME, "subnet": SUBNET, "token": TOKEN, "folder": folder, "secrets": folder / "secrets.json"}
    file = folder / "crowded.py"
    text = INVENTORY.format(**words).replace('"foreign": True', '"foreign": True, "deadlines": {"serve": 15}')
    file.write_text(text + "\npostgres = etcd\nall = (postgres, all[1])\n")
    with lab_up(file):
        found = access(read(file))
        build(found, ca)
        for host in found.inventory.hosts:
            with login(host) as connection:
                ssh.script(connection, CROWD.format(name=host.name.title()))
        yield found


@pytest.fixture
def shell(ways):
    def run(name: str, text: str) -> str:
        with login(ways.inventory[name]) as connection:
            return ssh.script(connection, text, check=False)

    return run


@pytest.fixture
def inject(ways, told):
    def run(name: str, spec: str, **given) -> list:
        return engine.inject(engine.plan(FAULTS[name](**given), spec, ways, limit_s=60), ways, told)

    yield run
    for entry in ledger.entries(ways.inventory):
        engine.heal(entry, ways, told)


def steady(ways) -> str:
    """Wait until the cluster is healthy; the name of a standby."""
    deadline = time.monotonic() + 90
    while not ((view := rest.view(ways)).leader and sum(member.healthy for member in view.members) == 3):
        assert time.monotonic() < deadline, view
        time.sleep(0.5)
    return view.replicas[0]


def test_both_doctors_see_what_there_is(ways, command):
    rows = doctor.check_up(ways)["alpha"]
    assert [rows[name].reason for name in ("kill", "freeze", "stop_service", "partition", "cpu")] == [None] * 5
    done = command("experiments", "-i", ways.inventory.path, "doctor", "--json")
    checks = {row["what"]: row for row in json.loads(done.stdout)["checks"]}
    assert checks["SSH to alpha"]["ok"], checks["SSH to alpha"]
    assert checks["SSH to alpha"]["found"].startswith("root, Python 3")


FAULTS_OF_IT = (("kill", {}), ("freeze", {}), ("stop_service", {}), ("drop", {"ports": "6432"}))


@pytest.mark.parametrize(("fault", "given"), FAULTS_OF_IT)
def test_patronis_database_is_struck_and_serves_again(ways, inject, shell, told, fault, given):
    standby = steady(ways)
    second = shell(standby, "systemctl show -P MainPID second")
    entries = inject(fault, standby, **given)
    engine.heal_all(entries, ways, told)
    assert "PostgreSQL, etcd serve again" in told.of("clean")[0]
    assert shell(standby, "systemctl show -P MainPID second; systemctl is-active second") == f"{second}\nactive"
    assert told.of("not_clean") == []


def test_a_database_that_refuses_connections_is_not_clean_with_the_cause(ways, inject, shell, told):
    standby = steady(ways)
    entries = inject("freeze", standby, process="patroni")
    hba = "/srv/pg/main/pg_hba.conf"
    reload = "runuser -u postgres -- /usr/lib/postgresql/17/bin/pg_ctl reload -s -D /srv/pg/main"
    shell(standby, f"sed -i '1i host orders all 0.0.0.0/0 reject' {hba}; {reload}")
    with pytest.raises(NotClean, match="PostgreSQL does not serve: failed: .*pg_hba.conf rejects connection"):
        engine.heal(entries[0], ways, told)
    assert shell(standby, "ls /var/lib/faults; pgrep -f 'patroni /etc/pgha' | xargs ps -o stat= -p | grep T") == ""
    shell(standby, f"sed -i 1d {hba}; {reload}")
    engine.heal(entries[0], ways, told)


def test_a_half_dead_cluster_is_healed_and_named(ways, inject, shell, told):
    """Two of three members of etcd are stopped behind our back: what is ours is undone, and it is not clean."""
    standby = steady(ways)
    entries = inject("drop", standby, ports="6432")
    others = [host.name for host in ways.inventory.hosts if host.name != standby]
    for name in others:
        shell(name, "systemctl stop dcs")
    try:
        with pytest.raises(NotClean, match="etcd does not serve: no answer"):
            engine.heal(entries[0], ways, told)
        assert "FD-" not in shell(standby, "iptables -S")
    finally:
        for name in others:
            shell(name, "systemctl start --no-block dcs")
    steady(ways)
    engine.heal(entries[0], ways, told)


def test_a_drill_of_it_is_judged(ways, shell, command, tmp_path):
    """Its own database is killed, the second one lives."""
    steady(ways)
    hosts = [host.name for host in ways.inventory.hosts]
    before = [shell(name, "systemctl show -P MainPID second") for name in hosts]
    file = ways.inventory.path
    done = drilled(command, "-i", file, "run", "postgres_killed", "--json", "--reports", tmp_path, seconds=400)
    verdict = json.loads(done.stdout)
    assert done.returncode in (0, 1), done.stderr + str(verdict["why"])
    judged = {item["metric"]: item["verdict"] for item in verdict["expectations"]}
    assert [judged[metric] for metric in ("lost", "dual_primary_ms", "steady_after")] == ["pass"] * 3, verdict["why"]
    assert [shell(name, "systemctl show -P MainPID second") for name in hosts] == before

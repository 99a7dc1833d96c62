"""replication_break, on a primary and a standby that Patroni has nothing to do with."""

import pytest

from firedrill.faults.cluster.replication_break import STREAMING
from firedrill.faults.protocol import Refused
from tests.faults.conftest import journals, until

pytestmark = pytest.mark.lab("net")
PRIMARY = """\
pg_createcluster 17 t --port 6001 >/dev/null && cd /etc/postgresql/17/t
echo "listen_addresses = '*'" >> postgresql.conf
echo "host replication replicator samenet trust" >> pg_hba.conf
systemctl start postgresql@17-t
runuser -u postgres -- psql -p 6001 -qc "CREATE ROLE replicator REPLICATION LOGIN"
ln -sf .s.PGSQL.6001 /var/run/postgresql/.s.PGSQL.5432
"""
STANDBY = """\
pg_createcluster 17 t --port 6001 >/dev/null; rm -rf /var/lib/postgresql/17/t
runuser -u postgres -- pg_basebackup -h {address} -p 6001 -U replicator -R -c fast -C -S standby \\
  -D /var/lib/postgresql/17/t
systemctl start postgresql@17-t
ln -sf .s.PGSQL.6001 /var/run/postgresql/.s.PGSQL.5432
"""
# initdb and a base backup, on a busy disk.
COPY_SECONDS = 120
SLOTS = "runuser -u postgres -- psql -p 6001 -Atc 'SELECT count(*) FROM pg_replication_slots'"
# As the fault itself counts: a standby that is only knocking does not stream.
COUNT = f'runuser -u postgres -- psql -p 6001 -Atc "{STREAMING.format(user="replicator")}"'


@pytest.fixture(scope="module")
def replicated(on, ways):
    on("etcd1", PRIMARY, seconds=COPY_SECONDS)
    on("etcd2", STANDBY.format(address=ways.inventory["etcd1"].address), seconds=COPY_SECONDS)
    until(lambda: on("etcd1", COUNT) == "1", 20)
    yield
    for host in ("etcd2", "etcd1"):
        on(host, "systemctl stop postgresql@17-t; pg_dropcluster 17 t; rm -f /var/run/postgresql/.s.PGSQL.5432")


def test_it_bites_and_heals(replicated, inject, heal, told, on):
    entries = inject("replication_break", "etcd1")
    assert "none of 1 standbys streams" in told.of("effective")[0]
    assert on("etcd1", COUNT) == "0"
    heal(entries)
    assert "1 standbys stream again" in told.of("clean")[0]


def test_dropped_slots_end_the_stream_and_are_there_again(replicated, inject, heal, told, on):
    entries = inject("replication_break", "etcd1", how="drop_slots")
    assert "slots standby dropped, their streams ended" in told.of("effective")[0]
    assert on("etcd1", SLOTS) == "0"
    assert on("etcd1", COUNT) == "0"
    heal(entries)
    assert "1 standbys stream again" in told.of("clean")[0]
    assert on("etcd1", SLOTS) == "1"


def test_without_slots_there_are_none_to_drop(replicated, inject, on):
    with pytest.raises(Refused, match="no standby streams by a slot: use lock_user"):
        on("etcd2", "sed -i 's/^primary_slot_name/#&/' /var/lib/postgresql/17/t/postgresql.auto.conf")
        on("etcd2", "systemctl restart postgresql@17-t")
        until(lambda: on("etcd1", COUNT) == "1", 20)
        inject("replication_break", "etcd1", how="drop_slots")
    on("etcd2", "sed -i 's/^#primary_slot_name/primary_slot_name/' /var/lib/postgresql/17/t/postgresql.auto.conf")
    on("etcd2", "systemctl restart postgresql@17-t")
    until(lambda: on("etcd1", COUNT) == "1", 20)


@pytest.mark.parametrize("how", ["lock_user", "drop_slots"])
def test_it_heals_by_itself_when_its_controller_is_killed(replicated, controller, on, how):
    child = controller(["replication_break", {"how": how}, "etcd1", 15])
    assert [child.stdout.readline().strip() for _ in range(3)] == ["read", "replication_break", "done"]
    child.kill()
    until(lambda: journals(on, "etcd1") == "", 25)
    until(lambda: on("etcd1", COUNT) == "1", 20)


def test_a_standby_is_refused(replicated, inject):
    with pytest.raises(Refused, match="etcd2 is not a primary"):
        inject("replication_break", "etcd2")


def test_a_host_where_nothing_answers_is_not_taken_for_a_standby(replicated, inject):
    with pytest.raises(Refused, match="etcd3: PostgreSQL does not answer"):
        inject("replication_break", "etcd3")

"""Defaults of every inventory. A role's file here, a role's data and a host's own data override them.

The data of the group `all` in an inventory file does not: pyinfra lets this file win over it.
"""

from os import environ as _environ

ssh_user = "root"
disk_gib = 8
# Of a local host with a kernel of its own; containers share the machine's memory.
memory_mib = 512

# Versions are Debian 13's; the deploy asks apt for these packages by name.
postgres_version = "17"

# The name of the cluster: Patroni's scope, and the section of the secrets file that holds its passwords.
cluster = "firedrill"
patroni_namespace = "/service/"
# In its folder are the ledger of active faults and other state of the controller, too.
secrets_file = (_environ.get("XDG_STATE_HOME") or "~/.local/state") + "/firedrill/secrets.json"

ports = {
    "etcd": 2379,
    "etcd_peer": 2380,
    "postgres": 5432,
    "patroni": 8008,
    "write": 5000,
    "read": 5001,
    "http": 80,
    "haproxy_stats": 8404,
    "weather": 8000,
}

# How the cluster is reached and what its parts are called on a host: as the deploy makes them. For a cluster that was
# made otherwise an inventory says `foreign = True` and what is different; docs/own-machines.md tells of each.
foreign = False
database = "weather"
sql_options: dict[str, str] = {}
# A password is a `secret` of the secrets file, a `password`, or the content of a `password_file` or `password_env`.
credentials = {
    "sql": {"user": "firedrill", "secret": "firedrill"},
    "patroni_rest": {"user": "patroni", "secret": "patroni_rest"},
    "etcd": None,
    "haproxy_stats": None,
}
patroni_tls = None
etcd_tls = None
haproxy_stats_path = "/stats;csv"
haproxy_backends = {"postgres_write": "postgres_write", "postgres_read": "postgres_read"}
units = {"patroni": "patroni", "etcd": "etcd", "haproxy": "haproxy", "keepalived": "keepalived", "app": "weather"}
postgres_data = "/var/lib/postgresql/*/*"
postgres_logs = ["/var/log/postgresql/*.log", "/var/lib/postgresql/*/*/log/*.log"]

# Timings, in seconds. Patroni: ttl >= 20, loop_wait >= 1, retry_timeout >= 3 and
# loop_wait + 2 * retry_timeout <= ttl, or Patroni adjusts them silently (3.2 and later).
# HAProxy: how often a server is asked (inter up, downinter down, fastinter in between), and after how
# many answers it counts as up (rise) or down (fall).
profile = "fast"
profiles = {
    "fast": {
        "ttl": 20,
        "loop_wait": 2,
        "retry_timeout": 8,
        "primary_start_timeout": 0,
        "synchronous_mode": "quorum",
        "failsafe_mode": True,
        "maximum_lag_on_failover": 1048576,
        "wal_sender_timeout": 5,
        "wal_receiver_timeout": 5,
        "inter": 1,
        "fastinter": 0.5,
        "downinter": 0.5,
        "rise": 1,
        "fall": 2,
    },
    # Patroni's own defaults and its sample HAProxy configuration, with synchronous replication switched on.
    "default": {
        "ttl": 30,
        "loop_wait": 10,
        "retry_timeout": 10,
        "primary_start_timeout": 300,
        "synchronous_mode": "on",
        "failsafe_mode": False,
        "maximum_lag_on_failover": 1048576,
        "wal_sender_timeout": 60,
        "wal_receiver_timeout": 60,
        "inter": 3,
        "fastinter": 3,
        "downinter": 3,
        "rise": 2,
        "fall": 3,
    },
}
# For two database nodes. A standby promoted under quorum commit waits for the other half of the quorum, which is the
# dead leader, until Patroni has struck it off; promoted under "on" it waits for nobody.
profiles["pair"] = profiles["fast"] | {"synchronous_mode": "on"}

# Debian packages by role; a role's list is installed on the hosts that have it.
packages = {
    "all": ["python3", "ca-certificates"],
    "etcd": ["etcd-server", "etcd-client"],
    "postgres": ["postgresql-{postgres_version}", "patroni", "python3-etcd"],
    "proxy": ["haproxy", "keepalived", "curl"],
    "app": ["nginx-light", "gunicorn", "python3-flask", "python3-psycopg", "python3-psycopg-pool"],
    "monitor": [],
}

# Where chaosblade is, on the hosts that have it. `pyinfra INVENTORY deploy/chaosblade.py` puts it there, from
# `chaosblade_archive`, a file or an address of yours, whose SHA-256 is `chaosblade_sha256`.
chaosblade_folder = "/opt/chaosblade"
chaosblade_archive = ""
chaosblade_sha256 = ""

# Networks that may log in to PostgreSQL, apart from the hosts' and the controller's own addresses.
client_networks: list[str] = []

# Of the floating address (`vip` in the inventory; without one there is no keepalived, and clients get all proxies).
virtual_router_id = 77

# Milliseconds. An election must end well inside Patroni's retry_timeout.
etcd_heartbeat_ms = 100
etcd_election_ms = 1000

# Patroni opens the watchdog where there is one; "required" keeps a node without from leading, "off" leaves it alone.
watchdog = {"mode": "automatic", "device": "/dev/watchdog"}

# How far a replica may lag behind and still serve reads.
read_lag = "10MB"

# For small hosts. Changes reach a running cluster at the next deploy; those that need a restart of PostgreSQL
# (max_connections, shared_buffers) show as "pending restart" in `patronictl list` until one is made.
postgres_parameters = {
    "max_connections": 200,
    "shared_buffers": "64MB",
    "max_wal_senders": 10,
    "max_replication_slots": 10,
    "wal_log_hints": "on",
    "wal_keep_size": "128MB",
    "max_wal_size": "512MB",
    "password_encryption": "scram-sha-256",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
    # A standby that asked the new primary before it was promoted asks again at once, not after 5 s: until one
    # streams, the new primary's commits wait.
    "wal_retrieve_retry_interval": "500ms",
    # A client or a host that vanished is noticed in seconds, and its locks are freed.
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 1,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 5000,
}

# Seconds that a deploy waits for each state before it says what held it up.
deadlines = {"quorum": 60, "leader": 90, "streaming": 120, "standby": 30, "proxy": 60, "app": 60}

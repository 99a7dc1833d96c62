"""Defaults of every inventory. A group's file, a group's data and a host's data override them, in that order."""

ssh_user = "root"
disk_gib = 8

# Versions are Debian 13's; the deploy asks apt for these packages by name.
postgres_version = "17"

# The name of the cluster: Patroni's scope, and the section of the secrets file that holds its passwords.
cluster = "firedrill"
patroni_namespace = "/service/"
secrets_file = "~/.local/state/firedrill/secrets.json"

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

"""Defaults of every inventory. Overridden by a file per role in this folder, by data of a role, and by data of a host.

Not by data of the group `all` in an inventory file next to this folder: pyinfra gives this file precedence over it.
"""

from os import environ as _environ

disk_gib = 8
# For user-mode Linux hosts; containers share this machine's memory.
memory_mib = 512

# The Debian release of a host: "bookworm" (12) or "trixie" (13). None: a local host gets the `release` of its `lab`,
# trixie by default; any other host knows its own. A deploy refuses a host with another one than the inventory names.
release: str | None = None
# None: that of the host's release, 15 in bookworm and 17 in trixie. Another one must be in the host's package sources,
# such as PGDG's; the deploy installs postgresql-VERSION.
postgres_version: str | None = None

# The name of the cluster: Patroni's scope, and its section in the secrets file.
cluster = "firedrill"
patroni_namespace = "/service/"
# In its folder are the ledger of active faults and other state of the controller, too.
secrets_file = (_environ.get("XDG_STATE_HOME") or "~/.local/state") + "/firedrill/secrets.json"
# Secrets that are kept elsewhere: a source by name of the secret, or "*" for all others. {name} and {cluster} are
# filled in: {"*": {"password_command": ["pass", "show", "{cluster}/{name}"]}}.
secrets: dict[str, dict[str, object]] = {}

ports = {
    "etcd": 2379,
    "etcd_peer": 2380,
    "postgres": 5432,
    "mysql": 3306,
    "mysql_group": 33061,
    "patroni": 8008,
    "write": 5000,
    "read": 5001,
    # Of the app: https if `tls` is True, otherwise http.
    "https": 443,
    "http": 80,
    "haproxy_stats": 8404,
    "weather": 8000,
    # For monitoring.
    "prometheus": 9090,
    "alertmanager": 9093,
    "alertmanager_cluster": 9094,
    "node_exporter": 9100,
    "postgres_exporter": 9187,
    "nginx_exporter": 9113,
    "blackbox_exporter": 9115,
    "haproxy_metrics": 8405,
    # Of the controller, through SSH: where the runner listens for alerts.
    "alert_webhook": 9099,
}

# Access to the cluster, and the names of its parts on a host, as deployed. For an existing cluster an inventory sets
# `foreign` to True and whatever differs; docs/own-machines.md explains each key.
foreign = False
database = "weather"
sql_options: dict[str, str] = {}
# A password is a `secret`, a `password`, the content of `password_file` or `password_env`, or the first line that
# `password_command` prints: ["pass", "show", "db/firedrill"].
credentials = {
    "sql": {"user": "firedrill", "secret": "firedrill"},
    "patroni_rest": {"user": "patroni", "secret": "patroni_rest"},
    "group_replication": {"user": "firedrill_admin", "secret": "group_admin"},
    "etcd": None,
    "haproxy_stats": None,
}
# Of an existing cluster: how its servers are verified, {"ca": file}, with `cert` and `key` where they ask for a client
# certificate. {} means the CAs of this machine's operating system, None plain text. For SQL: `sql_options`.
etcd_tls = None
patroni_tls = None
haproxy_stats_tls = None
http_tls = None
mysql_tls = None
# An existing monitoring system: {"prometheus": {"url": ..., "user": ..., "password_file": ..., "ca": ...},
# "alertmanagers": [{...}]}. None: the one that runs on the hosts of the group `monitor`, if there are any.
monitoring: dict[str, object] | None = None
haproxy_stats_path = "/stats;csv"
haproxy_backends = {"postgres_write": "postgres_write", "postgres_read": "postgres_read"}
units = {"patroni": "patroni", "etcd": "etcd", "haproxy": "haproxy", "keepalived": "keepalived", "app": "weather",
         "mysql": "mysql", "firedrill_group": "firedrill-group"}  # fmt: skip
postgres_data = "/var/lib/postgresql/*/*"
postgres_logs = ["/var/log/postgresql/*.log", "/var/lib/postgresql/*/*/log/*.log"]

# Whether every connection of a deployed cluster is encrypted and verified. A deployed cluster keeps its choice:
# a deploy that would change it is refused.
tls = True
# None: Firedrill's own CA, in the folder `ca` next to the secrets file. Or the files of yours on this machine:
# {"ca": "ca.crt", "cert": "certs/{host}-{role}.crt", "key": "certs/{host}-{role}.key"}; this machine is the host
# `controller` in the role `client`.
certificates = None
# A deploy renews a certificate that ends within `renew_days`.
certificate_days = 365
renew_days = 30

# A profile is a set of timings, in seconds. Patroni: ttl >= 20, loop_wait >= 1, retry_timeout >= 3 and
# loop_wait + 2 * retry_timeout <= ttl, or Patroni adjusts them silently (3.2 and later). HAProxy: the check interval
# (inter: up, downinter: down, fastinter: in transition), and the number of checks after which a server is up (rise) or
# down (fall). The watchdog resets a host safety_margin before its leader key expires.
# An inventory changes single values with `timings`, such as {"ttl": 25}; in `profiles`, entries of a profile, or adds
# one, which has the values of `fast` for what it leaves out. docs/durability.md compares the profiles.
profile = "fast"
profiles = {
    "fast": {
        "ttl": 20,
        "loop_wait": 2,
        "retry_timeout": 8,
        "primary_start_timeout": 0,
        "safety_margin": 5,
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
    # Patroni's defaults and its sample HAProxy configuration, with synchronous replication enabled.
    "default": {
        "ttl": 30,
        "loop_wait": 10,
        "retry_timeout": 10,
        "primary_start_timeout": 300,
        "safety_margin": 5,
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
# For networks and hosts that pause: within a data center, between data centers, between continents. A crashed
# PostgreSQL gets primary_start_timeout to recover before another node takes over.
profiles["norm"] = profiles["fast"] | {
    "ttl": 30,
    "loop_wait": 5,
    "retry_timeout": 10,
    "primary_start_timeout": 25,
    "wal_sender_timeout": 10,
    "wal_receiver_timeout": 10,
    "inter": 2,
    "fastinter": 1,
    "downinter": 2,
    "rise": 3,
    "fall": 3,
}
profiles["safe"] = profiles["norm"] | {
    "ttl": 60,
    "loop_wait": 10,
    "retry_timeout": 20,
    "primary_start_timeout": 45,
    "safety_margin": 10,
    "wal_sender_timeout": 20,
    "wal_receiver_timeout": 20,
    "inter": 3,
    "fastinter": 1.5,
    "downinter": 3,
}
profiles["wide"] = profiles["safe"] | {
    "ttl": 120,
    "loop_wait": 20,
    "retry_timeout": 30,
    "primary_start_timeout": 95,
    "safety_margin": 15,
    "wal_sender_timeout": 30,
    "wal_receiver_timeout": 30,
    "inter": 4,
    "fastinter": 2,
    "downinter": 4,
}
# For two database nodes.
profiles["pair"] = profiles["fast"] | {"synchronous_mode": "on"}

# What a commit waits for: "off" (no standby), "on", "strict" or "quorum" (docs/durability.md). None: `synchronous_mode`
# of the profile; its "quorum" becomes "on" where Patroni is older than 4.0 or there are only two databases.
durability: str | None = None
# How many standbys confirm a commit.
synchronous_nodes = 1

# Fenced failover, docs/fencing.md: "off", "quorum", or "power", which needs `fence_power`: the programs `status` and
# `off` on the etcd hosts, each with its arguments; {name} and {address} of a database host are filled in.
fence = "off"
# A host is silent after so many samples without an answer, one each interval.
fence_misses = 5
fence_interval_ms = 200
fence_power: dict[str, list[str]] = {}
fence_power_seconds = 10
# For drills: acknowledged writes can be lost. Refused without `chaos_allowed`.
fence_unsafe_without_refusal = False

# Debian packages by role.
packages = {
    "all": ["python3", "ca-certificates"],
    "etcd": ["etcd-server", "etcd-client"],
    "postgres": ["postgresql-{postgres_version}", "patroni", "python3-etcd"],
    "mysqld": [],  # from a package source of its own: deploy/mysql.py
    "proxy": ["haproxy", "keepalived", "curl", "nftables"],
    "app": ["nginx-light", "gunicorn", "python3-flask"],  # and the driver of its database: deploy/systems.py
    "monitor": ["prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter"],
}
# In addition where the inventory has a group `monitor`.
exporter_packages = {
    "all": ["prometheus-node-exporter"],
    "postgres": ["prometheus-postgres-exporter"],
    "app": ["prometheus-nginx-exporter"],
}

# Monitoring: one or two hosts in the group `monitor`; without the group nothing of it is deployed. False: nothing is
# deployed even so.
monitored = True
scrape_seconds = 5
evaluation_seconds = 5
# How long Prometheus keeps its samples, in its own notation.
monitor_retention = "30d"
# Receivers of your own, as in Alertmanager's configuration, in the form of Python data: [{"name": "pager",
# "webhook_configs": [{"url": "https://..."}]}]. Each gets every alert, in one message per group of alerts that began
# within `monitor_group_wait` seconds.
monitor_receivers: list[dict[str, object]] = []
monitor_group_wait = 10
# The folder of a monitor host from which a Grafana of yours takes dashboards; None: none are written.
grafana_dashboards: str | None = None

# MySQL group replication. Seconds: a member that is silent for 5 s is suspected, and expelled after
# `member_expel_timeout` more (with anything but 0 MySQL looks only every 15 s); a member that sees no majority for
# `unreachable_majority_timeout` leaves the group, and refuses writes instead of blocking them.
group_replication = {"member_expel_timeout": 0, "unreachable_majority_timeout": 5, "buffer_pool_mib": 128}

# The folder of chaosblade on a host. `pyinfra -y INVENTORY deploy/chaosblade.py` installs it from
# `chaosblade_archive`, a file or a URL, whose SHA-256 is `chaosblade_sha256`.
chaosblade_folder = "/opt/chaosblade"
chaosblade_archive = ""
chaosblade_sha256 = ""

# Networks that may log in to PostgreSQL, in addition to the proxies and the controller.
client_networks: list[str] = []

# Seconds that a power command (`power`) may take to act after it has returned. Clouds and BMCs only accept it.
power_seconds = 30

# VRRP id of the floating address (`vip` in the inventory; without it there is no keepalived).
virtual_router_id = 77

# Milliseconds. An election must end well within Patroni's retry_timeout.
etcd_heartbeat_ms = 100
etcd_election_ms = 1000

# automatic: used if the device exists; required: a node without one may not lead; off: not used.
watchdog = {"mode": "automatic", "device": "/dev/watchdog"}

# The maximum lag of a replica that serves reads.
read_lag = "10MB"

# For small hosts. The next deploy applies changes to a running cluster; those that need a restart of PostgreSQL
# (max_connections, shared_buffers) are shown as "pending restart" by `patronictl list` until then.
postgres_parameters = {
    "max_connections": 200,
    "shared_buffers": "64MB",
    # For up to 12 databases that are copied at the same time: each takes two.
    "max_wal_senders": 32,
    "max_replication_slots": 32,
    "wal_log_hints": "on",
    "wal_keep_size": "128MB",
    "max_wal_size": "512MB",
    "password_encryption": "scram-sha-256",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
    # A standby that connected to the new primary before its promotion retries sooner than after 5 s: the new
    # primary's commits wait until one streams.
    "wal_retrieve_retry_interval": "500ms",
    # A vanished client or host is detected within seconds, and its locks are released.
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 1,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 5000,
}

# Further cluster-wide settings in the form of Patroni's dynamic configuration, such as {"slots": {...}}. A deploy
# refuses those in etcd that are not in the inventory, unless they are harmless numbers and switches.
patroni_settings: dict[str, object] = {}

# Seconds that a deploy waits for each state before it reports what is missing. `serve`: that healing a fault waits
# until the services of its host serve again.
deadlines = {"quorum": 60, "leader": 90, "streaming": 120, "standby": 30, "proxy": 60, "app": 60, "serve": 120,
             "fence": 30, "monitor": 60}  # fmt: skip

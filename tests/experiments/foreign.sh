# One host of a cluster that is nothing like ours: etcd with passwords, Patroni and PostgreSQL on the same three hosts,
# other ports, paths, service names, scope and users; no proxy, no app. Run on each host: sh -s NUMBER ADDRESS...
set -eu
number=$1; shift
me=$(eval echo \$$number)
members= hosts= other=0
for address in "$@"; do
    other=$((other + 1))
    members="$members${members:+,}member$other=http://$address:12380" hosts="$hosts${hosts:+, }$address:12379"
done
install -d -o postgres -g postgres -m 700 /srv/etcd /srv/pg /srv/pg-logs

cat >/etc/systemd/system/dcs.service <<EOF
[Unit]
Wants=network-online.target
After=network-online.target
[Service]
Type=notify
User=postgres
Restart=always
ExecStart=/usr/bin/etcd --name member$number --data-dir /srv/etcd --initial-cluster $members \
  --listen-peer-urls http://$me:12380 --initial-advertise-peer-urls http://$me:12380 \
  --listen-client-urls http://$me:12379 --advertise-client-urls http://$me:12379
[Install]
WantedBy=multi-user.target
EOF

cat >/etc/systemd/system/pgha.service <<EOF
[Unit]
After=network-online.target dcs.service
[Service]
User=postgres
KillMode=process
Restart=on-failure
TimeoutSec=60
ExecStart=/usr/bin/patroni /etc/pgha.yml
[Install]
WantedBy=multi-user.target
EOF

cat >/etc/pgha.yml <<EOF
scope: orders
namespace: /db/
name: node-$number
etcd3: {hosts: [$hosts], username: root, password: etcd-pw-$TOKEN}
restapi:
  listen: $me:18008
  connect_address: $me:18008
  authentication: {username: operator, password: rest-pw-$TOKEN}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    synchronous_mode: true
    postgresql: {use_pg_rewind: true, use_slots: true, parameters: {wal_retrieve_retry_interval: 500ms}}
  initdb: [encoding: UTF8, data-checksums]
postgresql:
  listen: $me:6432
  connect_address: $me:6432
  data_dir: /srv/pg/main
  bin_dir: /usr/lib/postgresql/17/bin
  authentication:
    superuser: {username: dba, password: sql-pw-$TOKEN}
    replication: {username: copier, password: copy-pw-$TOKEN}
  parameters:
    unix_socket_directories: /srv/pg
    logging_collector: "on"
    log_directory: /srv/pg-logs
    log_line_prefix: "%m [%p] "
  pg_hba:
  - local all all trust
  - host all all 0.0.0.0/0 scram-sha-256
  - host replication copier 0.0.0.0/0 scram-sha-256
EOF
chown postgres /etc/pgha.yml
chmod 600 /etc/pgha.yml
systemctl daemon-reload
systemctl enable --quiet --now dcs
until ETCDCTL_API=3 etcdctl --endpoints=http://$me:12379 endpoint health >/dev/null 2>&1 ||
    ETCDCTL_API=3 etcdctl --endpoints=http://$me:12379 --user root:etcd-pw-$TOKEN endpoint health >/dev/null 2>&1; do sleep 0.2; done
if [ "$number" = 1 ]; then
    ctl() { ETCDCTL_API=3 etcdctl --endpoints=http://$me:12379 "$@" >/dev/null; }
    ctl user add root:etcd-pw-$TOKEN
    ctl user grant-role root root
    ctl auth enable
fi
systemctl enable --quiet --now pgha

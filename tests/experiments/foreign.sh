# One host of a cluster that is nothing like ours. Three hosts run etcd with passwords, Patroni and PostgreSQL; one is as
# Debian's pg_createconfig_patroni makes it, and one more has the same software and no etcd. Other ports, paths, service
# names, scope and users, members such as PG-ALPHA.prod; no proxy, no app. TLS everywhere, by a CA of their own: etcd and
# Patroni ask for client certificates (Debian's Patroni takes clients without one, too), PostgreSQL has only hostssl.
# Run on each host, with ca.crt, host.crt and host.key in /srv/tls: TOKEN=... sh -s NUMBER MEMBER ADDRESS...
set -eu
number=$1 name=$2; shift 2
me=$(eval echo \$$number)
members= hosts= other=0
for address in "$1" "$2" "$3"; do
    other=$((other + 1))
    members="$members${members:+,}member$other=https://$address:12380" hosts="$hosts${hosts:+, }$address:12379"
done

tls=/srv/tls
chown -R postgres:postgres $tls
chmod 600 $tls/host.key
export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=https://$me:12379
export ETCDCTL_CACERT=$tls/ca.crt ETCDCTL_CERT=$tls/host.crt ETCDCTL_KEY=$tls/host.key
coordinator="etcd3: {hosts: [$hosts], protocol: https, cacert: $tls/ca.crt, cert: $tls/host.crt, key: $tls/host.key, \
username: root, password: etcd-pw-$TOKEN}"

etcd() {
    install -d -o postgres -g postgres -m 700 /srv/etcd
    cat >/etc/systemd/system/dcs.service <<UNIT
[Unit]
Wants=network-online.target
After=network-online.target
[Service]
Type=notify
User=postgres
Restart=always
ExecStart=/usr/bin/etcd --name member$number --data-dir /srv/etcd --initial-cluster $members \
  --listen-peer-urls https://$me:12380 --initial-advertise-peer-urls https://$me:12380 \
  --listen-client-urls https://$me:12379 --advertise-client-urls https://$me:12379 \
  --client-cert-auth --trusted-ca-file $tls/ca.crt --cert-file $tls/host.crt --key-file $tls/host.key \
  --peer-client-cert-auth --peer-trusted-ca-file $tls/ca.crt --peer-cert-file $tls/host.crt --peer-key-file $tls/host.key
[Install]
WantedBy=multi-user.target
UNIT
    systemctl daemon-reload
    systemctl enable --quiet --now dcs
    until etcdctl endpoint health >/dev/null 2>&1 || etcdctl --user root:etcd-pw-$TOKEN endpoint health >/dev/null 2>&1
    do sleep 0.2; done
    if [ "$number" = 1 ]; then
        ctl() { etcdctl "$@" >/dev/null; }
        ctl user add root:etcd-pw-$TOKEN
        ctl user grant-role root root
        ctl auth enable
    fi
}

of_their_own() {
    install -d -o postgres -g postgres -m 700 /srv/pg /srv/pg-logs
    cat >/etc/systemd/system/pgha.service <<UNIT
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
UNIT
    cat >/etc/pgha.yml <<CONFIG
scope: 17-main
namespace: /postgresql-common/
name: $name
$coordinator
restapi:
  listen: $me:18008
  connect_address: $me:18008
  certfile: $tls/host.crt
  keyfile: $tls/host.key
  cafile: $tls/ca.crt
  verify_client: required
  authentication: {username: operator, password: rest-pw-$TOKEN}
ctl: {certfile: $tls/host.crt, keyfile: $tls/host.key, cacert: $tls/ca.crt}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
        wal_retrieve_retry_interval: 500ms
        ssl: "on"
        ssl_ca_file: $tls/ca.crt
        ssl_cert_file: $tls/host.crt
        ssl_key_file: $tls/host.key
      pg_hba:
      - local all all trust
      - hostssl all all 0.0.0.0/0 scram-sha-256
      - hostssl replication copier 0.0.0.0/0 scram-sha-256
  initdb: [encoding: UTF8, data-checksums]
postgresql:
  listen: $me:6432
  connect_address: $me:6432
  data_dir: /srv/pg/main
  bin_dir: /usr/lib/postgresql/17/bin
  authentication:
    superuser: {username: dba, password: sql-pw-$TOKEN, sslmode: verify-full, sslrootcert: $tls/ca.crt}
    replication: {username: copier, password: copy-pw-$TOKEN, sslmode: verify-full, sslrootcert: $tls/ca.crt}
  parameters:
    unix_socket_directories: /srv/pg
    logging_collector: "on"
    log_directory: /srv/pg-logs
    log_line_prefix: "%m [%p] "
CONFIG
    chown postgres /etc/pgha.yml
    chmod 600 /etc/pgha.yml
    systemctl daemon-reload
    systemctl enable --quiet --now pgha
}

of_debian() {
    echo "in the template" >/etc/patroni/dcs.yml
    sed -i -e "s|@DCS_CONFIG@|$coordinator|" -e "s/^name: .*/name: $name/" -e "s/@API_PORT@/18009/" \
        -e "s|^#  certfile: .*|  certfile: $tls/host.crt|" -e "s|^#  keyfile: .*|  keyfile: $tls/host.key|" \
        -e "s|^#  authentication:|  cafile: $tls/ca.crt\n  verify_client: optional\n  authentication:|" \
        -e "s|^# ctl:|ctl: {certfile: $tls/host.crt, keyfile: $tls/host.key, cacert: $tls/ca.crt}|" \
        -e "s/^#    username: username/    username: operator/" -e "s/^#    password: password/    password: rest-pw-$TOKEN/" \
        -e "s/username: \"replicator\"/username: copier/" -e "s/password: \"rep-pass\"/password: copy-pw-$TOKEN/" \
        -e "s/username: \"postgres\"/username: dba/" -e "s/^      password:\$/      password: sql-pw-$TOKEN/" \
        /etc/patroni/config.yml.in
    pg_createconfig_patroni --hostip=$me --network=0.0.0.0/0 --port=5433 17 main
    systemctl enable --quiet --now patroni@17-main
}

# The first three bootstrap the cluster, the others join it.
joined() { for address in $first; do curl -fs -o /dev/null --cacert $tls/ca.crt --cert $tls/host.crt --key $tls/host.key https://$address:18008/leader && return; done; return 1; }

first="$1 $2 $3"
if [ "$number" -le 3 ]; then etcd; else until joined; do sleep 0.5; done; fi
if [ "$number" = 4 ]; then of_debian; else of_their_own; fi

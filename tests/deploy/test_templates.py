"""The files that land on hosts, filled by a plan on fake hosts and read back."""

import io
import itertools
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import bcrypt
import pytest

from firedrill.inventories import authority, certificates, secrets
from firedrill.inventories.read import read

ROOT = Path(__file__).resolve().parents[2]

# pyinfra patches the process it is imported into, so the files are filled in one of their own.
COLLECT = """
import json, sys
import firedrill.deploy.operations.files as files
from pyinfra_cli.main import main
found = {}
plain = files.write
def write(name, files, units=()):
    from pyinfra import host
    for file in files:
        mine = found.setdefault(host.name.removeprefix("@fake/"), {})
        mine[file.path] = [file.content, file.mode, file.user, file.group]
    return plain(name, files, units)
files.write = write
sys.argv = ["pyinfra", "--dry", *sys.argv[1:], "deploy/cluster.py"]
try:
    main()
finally:
    print(json.dumps(found))
"""


def collect(inventory, *arguments):
    command = [sys.executable, "-c", COLLECT, *arguments, str(inventory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return collect("inventories/fake.py", "--data", f"secrets_file={folder / 'secrets.json'}", "--data", "tls=False")


def content(files, host, path):
    return files[host][path][0]


def test_every_template_is_used_and_nothing_is_left_unfilled(files):
    text = "\n".join(file[0] for host in files.values() for file in host.values())
    assert "{{" not in text and "{%" not in text and "Undefined" not in text


def test_files_with_passwords_are_not_for_all(files):
    passwords = ("password: ", "PASSWORD=")
    for host, found in files.items():
        for path, (text, mode, _, _) in found.items():
            if any(word in text for word in passwords) and path.startswith("/etc/"):
                assert mode in (0o600, 0o640), f"{host}:{path}"


def test_patroni_settings(files):
    text = content(files, "db1", "/etc/patroni/config.yml")
    (line,) = [line for line in text.splitlines() if line.strip().startswith("dcs: ")]
    dynamic = json.loads(line.split("dcs: ", 1)[1])
    assert dynamic["synchronous_mode"] == "quorum"
    assert dynamic["loop_wait"] + 2 * dynamic["retry_timeout"] <= dynamic["ttl"]
    assert dynamic["postgresql"]["parameters"]["wal_sender_timeout"] == "5s"
    assert "scope: firedrill\nnamespace: /service/\nname: db1\n" in text
    assert "host replication replicator 192.0.2.22/32 scram-sha-256" in text


def test_only_proxies_and_this_machine_log_in(files):
    """Each user only from where it is used: the app connects through a proxy; no other host is trusted."""
    rules = [
        line.split() for line in content(files, "db1", "/etc/patroni/config.yml").splitlines() if " weather " in line
    ]
    assert [rule[3:5] for rule in rules[:2]] == [["weather,firedrill", f"192.0.2.{last}/32"] for last in (31, 32)]
    assert all(rule[3] == "firedrill" and rule[4].endswith("/32") for rule in rules[2:]) and len(rules) <= 3


def test_haproxy_asks_patroni_and_names_servers_as_the_inventory_does(files):
    text = content(files, "lb1", "/etc/haproxy/haproxy.cfg")
    assert "inter 1000ms fastinter 500ms downinter 500ms rise 1 fall 2\n" in text
    for backend in ("postgres_write", "postgres_read", "weather"):
        assert f"\nbackend {backend}\n" in text
    assert text.count("    server db2 192.0.2.22:5432 check port 8008 on-marked-down shutdown-sessions\n") == 2
    assert "    server app1 192.0.2.41:8000 check\n" in text


def test_advertisements_come_from_the_other_proxies_alone(files):
    """By address, distance and MAC address; those of anybody else are dropped."""
    text = content(files, "lb1", "/etc/keepalived/vrrp.nft")
    peer = "ip protocol 112 ip saddr 192.0.2.32 ip ttl 255 ether saddr 02:00:c0:00:02:20 accept"
    assert [line.strip() for line in text.splitlines() if line.endswith("accept")] == [peer]
    assert text.index(peer) < text.index("ip protocol 112 drop")


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encrypted")
    secrets.load({"secrets_file": str(folder / "secrets.json"), "cluster": "firedrill", "secrets": {}})
    return folder, collect("inventories/fake.py", "--data", f"secrets_file={folder / 'secrets.json'}")


def test_with_tls_every_connection_of_a_proxy_is_verified(encrypted):
    _, files = encrypted
    text = content(files, "lb1", "/etc/haproxy/haproxy.cfg")
    binds = [line.strip() for line in text.splitlines() if line.strip().startswith("bind ")]
    tls = "ssl crt /etc/firedrill/tls/proxy.pem alpn http/1.1"
    assert binds == [
        "bind :5000",
        "bind :5001",
        f"bind :443 {tls}",
        "bind unix@/run/haproxy/health.sock mode 666",
        f"bind :8404 {tls}",
    ]
    assert text.count("    default-server check-ssl verify required ca-file /etc/firedrill/tls/ca.crt\n") == 2
    assert text.count("    default-server ssl verify required ca-file /etc/firedrill/tls/ca.crt\n") == 1
    servers = [line.split() for line in text.splitlines() if line.strip().startswith("server ")]
    assert all(words[words.index("verifyhost") + 1] == words[1] for words in servers) and len(servers) == 8


def test_statistics_ask_for_a_password_that_the_host_does_not_have(encrypted):
    folder, files = encrypted
    text = content(files, "lb1", "/etc/haproxy/haproxy.cfg")
    password = json.loads((folder / "secrets.json").read_text())["firedrill"]["haproxy_stats"].encode()
    hashed = re.search(r"    user firedrill password (\S+)\n", text)[1].encode()
    assert bcrypt.checkpw(password, hashed) and password not in text.encode()


def test_nginx_and_the_app_use_tls(encrypted):
    _, files = encrypted
    assert "listen 192.0.2.41:8000 ssl;" in content(files, "app1", "/etc/nginx/nginx.conf")
    assert "WEATHER_CA=/etc/firedrill/tls/ca.crt\n" in content(files, "app1", "/etc/weather/weather.env")


def test_keys_are_for_their_service_alone(encrypted):
    _, files = encrypted
    for host, name, owner in [
        ("lb1", "proxy.pem", "root"),
        ("app1", "app.key", "root"),
        ("etcd1", "etcd.key", "etcd"),
        ("db1", "postgres.key", "postgres"),
    ]:
        text, mode, user, _ = files[host][f"/etc/firedrill/tls/{name}"]
        assert "PRIVATE KEY" in text and (mode, user) == (0o600, owner)


def test_with_tls_no_service_of_etcd_is_plain_text(encrypted):
    _, files = encrypted
    text = content(files, "etcd1", "/etc/default/etcd")
    assert "http://" not in text and text.count("https://") == 8
    settings = dict(line.split("=", 1) for line in text.splitlines() if line.startswith("ETCD_"))
    assert settings["ETCD_CLIENT_CERT_AUTH"] == settings["ETCD_PEER_CLIENT_CERT_AUTH"] == "true"
    assert settings["ETCD_TRUSTED_CA_FILE"] == settings["ETCD_PEER_TRUSTED_CA_FILE"] == "/etc/firedrill/tls/ca.crt"
    assert settings["ETCD_PEER_CERT_ALLOWED_HOSTNAME"] in authority.names_of(certificate(files, "etcd1", "etcd"))
    assert settings["ETCD_PEER_CERT_ALLOWED_HOSTNAME"] not in authority.names_of(certificate(files, "db1", "postgres"))


@pytest.mark.parametrize("profile", ["norm", "safe", "wide"])
def test_what_a_profile_writes_on_hosts_obeys_patroni_and_etcd(tmp_path, profile):
    files = collect("inventories/fake.py", "--data", f"secrets_file={tmp_path}/s.json", "--data", f"profile={profile}")
    patroni = content(files, "db1", "/etc/patroni/config.yml")
    dynamic = json.loads(re.search(r"^  dcs: (.*)$", patroni, re.M)[1])
    ttl, loop_wait, retry_timeout = (dynamic[name] for name in ("ttl", "loop_wait", "retry_timeout"))
    assert ttl >= 20 and loop_wait >= 1 and retry_timeout >= 3 and loop_wait + 2 * retry_timeout <= ttl
    margin = int(re.search(r"^  safety_margin: (\d+)$", patroni, re.M)[1])
    assert loop_wait < ttl - margin < ttl, "the watchdog expires before the leader key, after the next loop"
    etcd = content(files, "etcd1", "/etc/default/etcd")
    election, heartbeat = (
        int(re.search(rf"^ETCD_{name}=(\d+)$", etcd, re.M)[1]) for name in ("ELECTION_TIMEOUT", "HEARTBEAT_INTERVAL")
    )
    assert 2 * election < 1000 * retry_timeout and election >= 10 * heartbeat
    inter = float(re.search(r" inter (\d+)ms ", content(files, "lb1", "/etc/haproxy/haproxy.cfg"))[1])
    assert 0 < inter <= 1000 * loop_wait
    timeout = dynamic["postgresql"]["parameters"]["wal_sender_timeout"]
    assert 0 < int(timeout.removesuffix("s")) <= ttl


def issued(folder, *, named):
    """Certificates of a CA of the user for all hosts of the fake inventory; `named`: those of etcd as members'."""
    ca = authority.new_ca("mine")
    hosts = [
        replace(one, data=one.data | {"certificates": not named}) for one in read(ROOT / "inventories/fake.py").hosts
    ]
    controller = "controller", "client", authority.for_names((), frozenset({authority.CLIENT}))
    for host, role, purpose in [controller, *certificates.wanted(hosts)]:
        made = authority.issue(ca, role, purpose, 10)
        for end, pem in (("crt", made.cert), ("key", made.key)):
            file = folder / f"{host.removeprefix('@fake/')}-{role}.{end}"
            file.write_bytes(pem)
            file.chmod(0o600)
    (folder / "ca.crt").write_bytes(ca.cert)
    return {"ca": f"{folder}/ca.crt"} | {
        name: f"{folder}/{{host}}-{{role}}.{end}" for name, end in (("cert", "crt"), ("key", "key"))
    }


@pytest.mark.parametrize("named", [False, True])
def test_a_name_in_certificates_of_the_users_own_tells_members_of_etcd_apart(pyinfra, tmp_path, named):
    """Without it whoever has a client certificate of that CA would be a member, and preflight says so."""
    data = (
        "--data",
        f"secrets_file={tmp_path}/s.json",
        "--data",
        f"certificates={json.dumps(issued(tmp_path, named=named))}",
    )
    text = content(collect("inventories/fake.py", *data), "etcd1", "/etc/default/etcd")
    assert ("ETCD_PEER_CERT_ALLOWED_HOSTNAME=member.etcd.firedrill\n" in text) == named
    shown = pyinfra("--dry", *data, "inventories/fake.py", "deploy/cluster.py")
    warned = "deploy: ⚠ settings  etcd accepts every client certificate of your CA as that of a member" in shown.stderr
    assert shown.returncode == 0 and warned != named


def certificate(files, host, role):
    return authority.certificates(content(files, host, f"/etc/firedrill/tls/{role}.crt").encode())[0]


def test_the_users_of_etcd_are_written_on_one_member(encrypted):
    _, files = encrypted
    path = "/etc/firedrill/etcd-users.json"
    text, mode, user, _ = files["etcd1"][path]
    assert (mode, user) == (0o600, "root") and path not in files["etcd2"]
    users = json.loads(text)["users"]
    may = {one["role"]: one.get("grants") for one in users.values()}
    writes, reads = ([{"prefix": "/service/firedrill/", "access": access}] for access in ("READWRITE", "READ"))
    assert may == {"root": None, "patroni": writes, "firedrill": reads}
    assert len({one["password"] for one in users.values()}) == 3
    (patroni,) = (name for name in users if name.startswith("patroni-"))
    assert f"  username: {patroni}\n" in content(files, "db1", "/etc/patroni/config.yml"), "one for each password"


def section(text, name):
    """The lines of a section of Patroni's configuration, without their indentation."""
    lines = text[text.index(f"\n{name}:\n") + 1 :].splitlines()[1:]
    return {line.strip() for line in itertools.takewhile(lambda line: line[:1] in (" ", "#"), lines)}


def test_with_tls_patroni_verifies_and_is_verified(encrypted):
    _, files = encrypted
    text, folder = content(files, "db1", "/etc/patroni/config.yml"), "/etc/firedrill/tls"
    pair = {f"certfile: {folder}/postgres.crt", f"keyfile: {folder}/postgres.key"}
    client = {f"cacert: {folder}/ca.crt", f"cert: {folder}/postgres.crt", f"key: {folder}/postgres.key"}
    assert section(text, "etcd3") >= {"protocol: https"} | client
    assert section(text, "restapi") >= {f"cafile: {folder}/ca.crt", "verify_client: optional"} | pair
    assert section(text, "ctl") >= {f"cacert: {folder}/ca.crt"} | pair
    assert "insecure" not in text
    assert text.count(f"      sslmode: verify-full\n      sslrootcert: {folder}/ca.crt\n") == 2


def test_with_tls_postgresql_takes_no_plain_text(encrypted):
    _, files = encrypted
    text = content(files, "db1", "/etc/patroni/config.yml")
    assert "    ssl: 'on'\n" in text
    rules = [line.split()[1:] for line in text[text.index("  pg_hba:\n") :].splitlines()[1:]]
    assert {rule[0] for rule in rules} == {"local", "hostssl"}
    assert {rule[-1] for rule in rules} == {"peer", "scram-sha-256"}
    assert {rule[1] for rule in rules if rule[0] == "hostssl"} == {"replication", "postgres", "weather"}


def test_keepalived_peers_and_priorities_differ(files):
    one, two = (content(files, host, "/etc/keepalived/keepalived.conf") for host in ("lb1", "lb2"))
    assert "unicast_src_ip 192.0.2.31" in one and "unicast_src_ip 192.0.2.32" in two
    assert "        192.0.2.32 min_ttl 255 max_ttl 255\n" in one and "        192.0.2.31 min_ttl" in two
    assert "priority 150" in one and "priority 140" in two
    assert "192.0.2.100/32 dev eth0" in one


def test_etcd_members_know_each_other(files):
    text = content(files, "etcd2", "/etc/default/etcd")
    assert "ETCD_NAME=etcd2\n" in text
    assert (
        "ETCD_INITIAL_CLUSTER=etcd1=http://192.0.2.11:2380,etcd2=http://192.0.2.12:2380,etcd3=http://192.0.2.13:2380\n"
        in text
    )


def test_without_a_floating_address_there_is_no_keepalived(tmp_path):
    text = (ROOT / "inventories" / "fake.py").read_text().replace('{"vip": "192.0.2.100"}', "{}")
    (tmp_path / "plain.py").write_text(text)
    (tmp_path / "group_data").symlink_to(ROOT / "inventories" / "group_data")
    files = collect(tmp_path / "plain.py", "--data", f"secrets_file={tmp_path / 'secrets.json'}")
    assert "/etc/keepalived/keepalived.conf" not in files["lb1"]
    assert "WEATHER_HOST=192.0.2.31,192.0.2.32\n" in content(files, "app1", "/etc/weather/weather.env")


def test_python_that_lands_on_hosts_compiles(files):
    for path in ("/usr/local/sbin/firedrill-check", "/etc/weather/gunicorn.conf.py", "/opt/weather/weather/api.py"):
        compile(io.StringIO(content(files, "app1", path)).read(), path, "exec")


def test_on_debian_12(tmp_path):
    """PostgreSQL 15 knows no builtin locale, Patroni 3.0 no quorum commit: it would take `quorum` for `off`."""
    data = ("--data", f"secrets_file={tmp_path / 'secrets.json'}")
    files = collect("inventories/fake.py", *data, "--data", "release=bookworm")
    text = content(files, "db1", "/etc/patroni/config.yml")
    assert "bin_dir: /usr/lib/postgresql/15/bin" in text and "data_dir: /var/lib/postgresql/15/firedrill" in text
    assert "builtin" not in text and "- locale: C.UTF-8\n" in text
    (line,) = [line for line in text.splitlines() if line.strip().startswith("dcs: ")]
    dynamic = json.loads(line.split("dcs: ", 1)[1])
    assert (dynamic["synchronous_mode"], dynamic["synchronous_mode_strict"]) == (True, False)

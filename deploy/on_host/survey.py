#!/usr/bin/python3
"""What a deploy must know about a host before it changes anything: one JSON object on standard output.

    python3 survey.py '{"ports": [2379], "folders": ["/"], "packages": ["etcd-server"], ...}'

It writes nothing on the host, except for the measurement of fsync: one file in etcd's folder, removed before it ends.
"""

import contextlib
import glob
import json
import os
import re
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time

LISTEN = "0A"
FSYNC_SECONDS, FSYNC_MOST, FSYNC_BYTES = 0.3, 100, 2300  # an entry of etcd's log, as etcd's own advice measures it
ARP, REPLY, ARP_SECONDS = 0x0806, 2, 0.3
EMPTY_ETCD = 64 << 10  # bytes; a new member's database has 20 KiB
USER_DATA = 16384  # PostgreSQL numbers what users create from here on
# The file of each service that a deploy writes; its first line names Firedrill.
FILES = {
    "etcd": "/etc/default/etcd",
    "patroni": "/etc/patroni/config.yml",
    "haproxy": "/etc/haproxy/haproxy.cfg",
    "keepalived": "/etc/keepalived/keepalived.conf",
    "mysql": "/etc/mysql/mysql.conf.d/zz-firedrill.cnf",
    "nginx": "/etc/nginx/nginx.conf",
    "weather": "/etc/systemd/system/weather.service",
    "prometheus": "/etc/default/prometheus",
    "prometheus-alertmanager": "/etc/default/prometheus-alertmanager",
    "prometheus-blackbox-exporter": "/etc/default/prometheus-blackbox-exporter",
    "prometheus-node-exporter": "/etc/default/prometheus-node-exporter",
    "prometheus-postgres-exporter": "/etc/default/prometheus-postgres-exporter",
    "prometheus-nginx-exporter": "/etc/default/prometheus-nginx-exporter",
}
# What is in such a file where the cluster has TLS.
ENCRYPTED = {"patroni": "protocol: https", "haproxy": " ssl crt ", "nginx": " ssl;"}
CA = "/etc/firedrill/tls/ca.crt"  # of the running services
CLUSTER = re.compile(r"^(?:scope: |ETCD_INITIAL_CLUSTER_TOKEN=|datadir = /var/lib/mysql/)\"?([^\"\n]+)", re.M)


def read(path, size=1 << 20):
    """The beginning of a file; empty if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read(size)
    except OSError:
        return b""


def text(path):
    return read(path).decode(errors="replace")


def output(*command):
    """What a program prints; empty if it cannot be run, or does not end."""
    environment = dict(os.environ, LC_ALL="C", PATH="/usr/sbin:/usr/bin:/sbin:/bin")
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, env=environment)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace")


def release(roles):
    """The distribution, as deploy/versions.py wants it, and for these roles the versions of `patroni` and `etcd`."""
    rows = dict(re.findall(r'^(ID|VERSION_ID|VERSION_CODENAME)="?([^"\n]*)', text("/etc/os-release"), re.M))
    found = {
        "system": f"{rows.get('ID', '')} {rows.get('VERSION_ID', '')}",
        "codename": rows.get("VERSION_CODENAME", ""),
    }
    packages = {"postgres": ("patroni", "patroni"), "etcd": ("etcd", "etcd-server")}
    return found | {name: version(package) for role, (name, package) in packages.items() if role in roles}


def version(package):
    """That of a package: installed, or else available; empty if it is neither."""
    installed = re.search(
        rf"^Package: {package}\nStatus: \S+ \S+ installed\n(?:.+\n)*?Version: (\S+)", text_of_status(), re.M
    )
    offered = installed or re.search(r"^  Candidate: (\d\S*)", policy([package]), re.M)
    return offered.group(1) if offered else ""


def watchdog(device):
    """What deploy/watchdog.py wants to know: of `device`, `container` and `softdog`, what holds."""
    found = {
        "device": os.path.exists(device) and stat.S_ISCHR(os.stat(device).st_mode),
        "container": output("systemd-detect-virt", "--container").strip() not in ("", "none"),
        "softdog": bool(output("modinfo", "softdog")),
    }
    return [name for name, holds in found.items() if holds]


# -- services and ports


def ours():
    """The services that a deploy has configured here, each with the name of its cluster, if its file tells."""
    found = {}
    for service, path in FILES.items():
        content = text(path)
        if content.startswith("# Firedrill"):
            cluster = CLUSTER.search(content)
            found[service] = cluster.group(1).strip() if cluster else None
    return found


def encrypted(services):
    """Whether these services were configured with TLS; that of etcd is reported with its data."""
    return {name: ENCRYPTED[name] in text(FILES[name]) for name in services if name in ENCRYPTED}


def listeners(ports):
    """{inode of the socket: port} of the listening TCP sockets on these ports."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in text(table).splitlines()[1:]:
            columns = row.split()
            port = int(columns[1].rsplit(":", 1)[1], 16)
            if columns[3] == LISTEN and port in ports:
                found[columns[9]] = port
    return found


def holders(ports):
    """Who listens on these ports: [{port, pid, process, unit}]."""
    sockets = listeners(set(ports))
    found: dict[int, str | None] = {}
    for folder in glob.iglob("/proc/[0-9]*"):
        if not sockets:
            break
        for name in names_of_files(folder):
            if name.startswith("socket:[") and name[8:-1] in sockets:
                found.setdefault(sockets.pop(name[8:-1]), os.path.basename(folder))
    found.update({port: None for port in sockets.values() if port not in found})
    return [process(port, pid) for port, pid in sorted(found.items())]


def names_of_files(folder):
    found = []
    with contextlib.suppress(OSError):  # the process has ended
        for number in os.listdir(folder + "/fd"):
            with contextlib.suppress(OSError):  # or closed this file
                found.append(os.readlink(f"{folder}/fd/{number}"))
    return found


def process(port, pid):
    """`unit` is the systemd unit, read from the cgroup (v2, or v1's name=systemd)."""
    if pid is None:
        return {"port": port, "pid": None, "process": None, "unit": None}
    unit = re.search(r"([^/\n]+\.(?:service|scope))[^\n]*$", text("/proc/" + pid + "/cgroup"), re.M)
    return {
        "port": port,
        "pid": int(pid),
        "process": text("/proc/" + pid + "/comm").strip(),
        "unit": unit.group(1) if unit else None,
    }


# -- disks and data


def existing(path):
    """The path, or its nearest parent that exists."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def disk(path):
    """Bytes free for root, and whether the file system is mounted read-only."""
    there = existing(path)
    return {"free": shutil.disk_usage(there).free, "read_only": bool(os.statvfs(there).f_flag & os.ST_RDONLY)}


def fsync_ms(folder):
    """The durations of writes as etcd's log does them, for FSYNC_SECONDS at most."""
    found: list[float] = []
    file, path = tempfile.mkstemp(prefix=".firedrill-fsync-", dir=existing(folder))
    try:
        ends = time.monotonic() + FSYNC_SECONDS
        while len(found) < FSYNC_MOST and time.monotonic() < ends:
            began = time.monotonic()
            os.write(file, b"x" * FSYNC_BYTES)
            os.fdatasync(file)
            found.append(round(1000 * (time.monotonic() - began), 2))
    finally:
        os.close(file)
        os.unlink(path)
    return found


def etcd(folder):
    """The data of the member to be, and whether the packaged single member holds nothing."""
    try:
        packaged = os.path.getsize("/var/lib/etcd/default/member/snap/db")
    except OSError:
        packaged = 0
    return {
        "exists": os.path.isdir(folder + "/member"),
        "packaged_unused": packaged <= EMPTY_ETCD,
        "tls": "https://" in text(FILES["etcd"]),
        "ca": text(CA),
    }


def postgres(folder, version):
    """The data directory of the cluster to be, and whether the packaged cluster `main` is in use."""
    control = read(folder + "/global/pg_control", 8)
    main = f"/var/lib/postgresql/{version}/main"
    starts = text(f"/etc/postgresql/{version}/main/start.conf")
    used = re.search(r"^\s*auto", starts, re.M) or os.path.exists(main + "/postmaster.pid")
    return {
        "exists": os.path.isdir(folder) and bool(os.listdir(folder)),
        "system": str(struct.unpack("=Q", control)[0]) if len(control) == 8 else None,
        "version": version,
        "main": bool(used) and has_user_data(main),
    }


def mysql(folder):
    """Whether the data folder of the server to be has anything, and the packaged one around it tables of users.

    `uuid` is the server's own id: members of a group know each other by it.
    """
    uuid = re.search(r"^server-uuid=([0-9a-f-]{36})$", text(folder + "/auto.cnf"), re.M)
    tables = glob.glob(os.path.dirname(folder) + "/*/*.ibd")
    own = re.compile(r"/(mysql|sys|performance_schema)/[^/]*$|/mysql\.ibd$")
    return {
        "exists": os.path.isdir(folder) and bool(os.listdir(folder)),
        "packaged": any(not own.search(path) for path in tables),
        "uuid": uuid.group(1) if uuid else None,
    }


def has_user_data(folder):
    """Whether users created anything in a PostgreSQL data directory: a database, or a table in an existing one."""
    for path in glob.glob(folder + "/base/*/[0-9]*"):
        numbers = re.search(r"/(\d+)/(\d+)[^/]*$", path)
        if numbers and max(map(int, numbers.groups())) >= USER_DATA:
            return True
    return False


# -- packages


def packages(names):
    """The missing ones of these packages, those of them without a candidate, and whether apt has sources and lists."""
    rows = re.findall(r"^Package: (\S+)\nStatus: \S+ \S+ installed$", text_of_status(), re.M)
    missing = sorted(set(names) - set(rows))
    lists = bool(glob.glob("/var/lib/apt/lists/*_Packages*"))
    candidates = re.findall(r"^(\S+):\n  Installed: .*\n  Candidate: (?!\(none\))", policy(missing), re.M)
    return {
        "missing": missing,
        "unavailable": sorted(set(missing) - set(candidates)) if lists else [],
        "lists": lists,
        "sources": sources(),
    }


def text_of_status():
    return read("/var/lib/dpkg/status", 1 << 26).decode(errors="replace")


def policy(names):
    """Without apt's own cache, which it would write."""
    cache = ("-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=")
    return output("apt-cache", *cache, "policy", *names) if names else ""


def sources():
    """Whether apt has any source of packages."""
    lines = [text(path) for path in ["/etc/apt/sources.list", *glob.glob("/etc/apt/sources.list.d/*.list")]]
    blocks = [text(path) for path in glob.glob("/etc/apt/sources.list.d/*.sources")]
    return any(re.search(r"^\s*deb\s", one, re.M) for one in lines) or any("URIs:" in one for one in blocks)


# -- network


def address(mine, floating):
    """The prefix of the interface with our address, whether the floating one is held here, and by whom elsewhere."""
    rows = re.findall(r"^\d+: (\S+)\s+inet (\S+)", output("ip", "-o", "-4", "address", "show"), re.M)
    held = any(one.split("/")[0] == floating for _, one in rows)
    name, prefix = next(((name, one) for name, one in rows if one.split("/")[0] == mine), (None, None))
    return {"interface": name, "network": prefix, "holds": held, "answers": None if held else answers(name, floating)}


def answers(interface, floating):
    """The MAC address that an ARP probe (RFC 5227, without an address of ours) finds; None if nobody answers."""
    if interface is None or not re.fullmatch(r"\d+(\.\d+){3}", floating or ""):
        return None
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ARP)) as probe:
        probe.bind((interface, 0))
        mac, wanted = probe.getsockname()[4], socket.inet_aton(floating)
        question = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + bytes(4) + bytes(6) + wanted
        probe.send(b"\xff" * 6 + mac + struct.pack("!H", ARP) + question)
        ends = time.monotonic() + ARP_SECONDS
        while (left := ends - time.monotonic()) > 0:
            probe.settimeout(left)
            try:
                packet = probe.recv(64)
            except TimeoutError:
                break
            if packet[20:22] == struct.pack("!H", REPLY) and packet[28:32] == wanted:
                return packet[22:28].hex(":")
    return None


def nftables():
    """Whether the kernel filters IPv4 with nftables, tried in a network of its own; None if the program is missing."""
    if not output("nft", "--version"):
        return None
    trial = "nft 'add table ip x; add chain ip x y { type filter hook input priority 0; }' && echo works"
    return output("unshare", "-n", "sh", "-c", trial).strip() == "works"


def max_sessions():
    found = re.search(r"^maxsessions (\d+)", output("sshd", "-T"), re.M)
    return int(found.group(1)) if found else None


def survey(wanted):
    """Everything; what this user may not see is left out, since root is a finding of its own."""
    found = {
        "now": time.time(),
        "user": os.geteuid(),
        "hostname": socket.gethostname(),
        "machine_id": text("/etc/machine-id").strip(),
        "reported": release(wanted),
        "systemd": os.path.isdir("/run/systemd/system"),
        "watchdog": watchdog(wanted["watchdog"]) if wanted.get("watchdog") else [],
        "disks": {path: disk(path) for path in wanted["folders"]},
        "ours": ours(),
    }
    if found["user"]:
        return found
    found["encrypted"] = encrypted(found["ours"])
    version = wanted["versions"].get(found["reported"]["codename"], "")
    names = [name.format(version=version) for name in wanted["packages"]]
    found.update(ports=holders(wanted["ports"]), packages=packages(names), max_sessions=max_sessions())
    if wanted.get("postgres"):
        found["postgres"] = postgres(wanted["postgres"].format(version=version), version)
    if wanted.get("mysqld"):
        found["mysqld"] = mysql(wanted["mysqld"])
    if wanted.get("etcd"):
        found["etcd"] = etcd(wanted["etcd"])
        if not found["etcd"]["exists"] and not found["disks"][wanted["etcd_folder"]]["read_only"]:
            found["etcd"]["fsync_ms"] = fsync_ms(wanted["etcd_folder"])
    if wanted.get("floating"):
        found["address"] = address(wanted["address"], wanted["floating"])
        found["nftables"] = nftables()
    if wanted.get("refuses"):
        found["refuses"] = nftables()
    return found


if __name__ == "__main__":
    print(json.dumps(survey(json.loads(sys.argv[1]))))

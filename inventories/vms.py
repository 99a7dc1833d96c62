"""A template for your own machines: cloud, libvirt, bare metal. Copy it, list your hosts, and keep what you need.

For an existing cluster, which is not changed, see docs/own-machines.md. Requirements for a machine: Debian 13 or 12
with systemd, Python 3, SSH login with a key as root or as a user with sudo, and access to Debian's archive. All
machines must reach each other on the ports of group_data/all.py, and this machine all of them.
"""


def _host(name, address):
    # An address of the host's own interface, without NAT: services listen on it.
    return name, {"ssh_hostname": address}


# An odd number of etcd members, preferably on hosts without PostgreSQL: losing both at the same time delays detection.
etcd = [_host("etcd1", "192.0.2.11"), _host("etcd2", "192.0.2.12"), _host("etcd3", "192.0.2.13")]
postgres = [_host("db1", "192.0.2.21"), _host("db2", "192.0.2.22"), _host("db3", "192.0.2.23")]
proxy = [_host("lb1", "192.0.2.31"), _host("lb2", "192.0.2.32")]
app = [_host("app1", "192.0.2.41"), _host("app2", "192.0.2.42")]

# Prometheus and Alertmanager, which watch the others (docs/monitoring.md); a second host makes Alertmanager a cluster.
# monitor = [_host("mon1", "192.0.2.51")], and `+ monitor` in `all`.

all = (
    etcd + postgres + proxy + app,
    {
        # An unused address in the network segment of the proxies. Omit it if the network does not let an address
        # move (most clouds).
        "vip": "192.0.2.100",
        # Faults are injected only if this is True. Set it once nobody depends on these machines.
        "chaos_allowed": False,
        # Or an ordinary user with "sudo": True, or with a password; see docs/own-machines.md.
        "ssh_user": "root",
        "ssh_key": "~/.ssh/id_ed25519",
        "ssh_known_hosts_file": "~/.local/state/firedrill/known_hosts",
        # Power control from outside: a host without power cannot be healed over SSH. These run on this machine, with
        # {name}, {address} and {inventory} filled in. Without pause and resume, those faults are refused.
        "power": {
            "power_on": "virsh start {name}",
            "power_off": "virsh destroy {name}",
            "pause": "virsh suspend {name}",
            "resume": "virsh resume {name}",
        },
    },
)

"""A template for machines of your own: cloud, libvirt, metal. Copy it, name your hosts, and keep what you need.

For a cluster that is there already, and stays as it is: docs/own-machines.md, "A cluster that others made".
What a machine needs: Debian 13 with systemd, Python 3, an SSH login as root by key, and Debian's archive within reach.
All talk to each other on the ports of group_data/all.py, and this machine to all of them.
"""


def _host(name, address):
    # The address of the host's own interface, not one that is translated: services listen on it.
    return name, {"ssh_hostname": address}


# An odd number of etcd members, best on hosts that run no PostgreSQL: a host that dies with both is noticed later.
etcd = [_host("etcd1", "192.0.2.11"), _host("etcd2", "192.0.2.12"), _host("etcd3", "192.0.2.13")]
postgres = [_host("db1", "192.0.2.21"), _host("db2", "192.0.2.22"), _host("db3", "192.0.2.23")]
proxy = [_host("lb1", "192.0.2.31"), _host("lb2", "192.0.2.32")]
app = [_host("app1", "192.0.2.41"), _host("app2", "192.0.2.42")]

all = (
    etcd + postgres + proxy + app,
    {
        # A free address in the proxies' network segment. Leave it out where the network does not let an address
        # move (most clouds): clients then get all proxies' addresses.
        "vip": "192.0.2.100",
        # Faults are injected only where this is True. Set it when nobody depends on these machines.
        "chaos_allowed": False,
        "ssh_key": "~/.ssh/id_ed25519",
        # Power from outside the host: a host that was powered off cannot be healed over SSH. Run on this machine, with
        # {name}, {address} and {inventory} filled in. Without pause and resume, those faults are refused.
        "power": {
            "power_on": "virsh start {name}",
            "power_off": "virsh destroy {name}",
            "pause": "virsh suspend {name}",
            "resume": "virsh resume {name}",
        },
    },
)

"""The five hosts of compact.py on user-mode Linux: each has its own netem, watchdog, clock and page cache.

Runs wherever containers do, without KVM. `"provider": "nspawn"` in the data of a host makes it a container.
"""


def _host(name, last, **data):
    return name, {"ssh_hostname": f"10.79.0.{last}", "cluster": "vms", "profile": "pair"} | data


# If Patroni hangs on the leader, the kernel resets the host before another node may lead. Required on every database.
# The data has a file system of its own, whose storage can hang or fail without the rest of the host.
def _database(name, last):
    return _host(
        name,
        last,
        watchdog={"mode": "required", "device": "/dev/watchdog"},
        data_disk={"path": "/var/lib/postgresql", "gib": 4},
    )


etcd = [_host("etcd1", 11), _host("etcd2", 12), _host("lb1", 31)]
postgres = [_database("db1", 21), _database("db2", 22)]
proxy = [_host("lb1", 31)]
app = [_host("lb1", 31)]

all = (
    etcd + postgres,
    {
        "lab": {"name": "vms", "provider": "uml", "bridge": "firedrill2", "address": "10.79.0.1/24"},
        "chaos_allowed": True,
        "ssh_user": "root",
        "ssh_key": "/var/lib/firedrill/vms/ssh_key",
        "ssh_known_hosts_file": "/var/lib/firedrill/vms/known_hosts",
        "power": {
            "power_on": "lab -i {inventory} start {name}",
            "power_off": "lab -i {inventory} cut {name}",
            "pause": "lab -i {inventory} pause {name}",
            "resume": "lab -i {inventory} resume {name}",
        },
    },
)

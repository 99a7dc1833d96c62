"""The smallest lab with a failover: five hosts, one of them with proxy, app and the third etcd member."""


def _host(name, last):
    # `cluster` is data of each host: the default in group_data/all.py overrides data of the group "all".
    return name, {"ssh_hostname": f"10.78.0.{last}", "cluster": "compact", "profile": "pair"}


etcd = [_host("etcd1", 11), _host("etcd2", 12), _host("lb1", 31)]
postgres = [_host("db1", 21), _host("db2", 22)]
proxy = [_host("lb1", 31)]
app = [_host("lb1", 31)]

all = (
    etcd + postgres,
    {
        "lab": {"name": "compact", "provider": "nspawn", "bridge": "firedrill1", "address": "10.78.0.1/24"},
        "chaos_allowed": True,
        "ssh_user": "root",
        "ssh_key": "/var/lib/firedrill/compact/ssh_key",
        "ssh_known_hosts_file": "/var/lib/firedrill/compact/known_hosts",
        "power": {
            "power_on": "lab -i {inventory} start {name}",
            "power_off": "lab -i {inventory} cut {name}",
            "pause": "lab -i {inventory} pause {name}",
            "resume": "lab -i {inventory} resume {name}",
        },
    },
)

"""The smallest lab that shows a failover: five hosts, one of them proxy, app and third etcd member at once."""


def _host(name, last):
    # The cluster's name is data of the host: group_data/all.py, which has a default, overrides data of group "all".
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

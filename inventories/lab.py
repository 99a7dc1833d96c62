"""The full local lab: etcd x3, postgres x3, proxy x2, app x2, created on this machine by `lab up`."""


def _host(name, last):
    return name, {"ssh_hostname": f"10.77.0.{last}"}


etcd = [_host("etcd1", 11), _host("etcd2", 12), _host("etcd3", 13)]
postgres = [_host("db1", 21), _host("db2", 22), _host("db3", 23)]
proxy = [_host("lb1", 31), _host("lb2", 32)]
app = [_host("app1", 41), _host("app2", 42)]

all = (
    etcd + postgres + proxy + app,
    {
        "lab": {"name": "lab", "provider": "nspawn", "bridge": "firedrill0", "address": "10.77.0.1/24"},
        "vip": "10.77.0.100",
        "chaos_allowed": True,
        "ssh_user": "root",
        "ssh_key": "/var/lib/firedrill/lab/ssh_key",
        "ssh_known_hosts_file": "/var/lib/firedrill/lab/known_hosts",
        "power": {
            "power_on": "lab -i {inventory} start {name}",
            "power_off": "lab -i {inventory} cut {name}",
            "pause": "lab -i {inventory} pause {name}",
            "resume": "lab -i {inventory} resume {name}",
        },
    },
)

"""MySQL group replication on this machine: three servers, two proxies, two app hosts. See docs/mysql.md."""


def _host(name, last):
    # Data of each host: the defaults in group_data/all.py override data of the group "all".
    backends = {"postgres_write": "mysql_write", "postgres_read": "mysql_read"}
    return name, {"ssh_hostname": f"10.76.0.{last}", "cluster": "mysql", "haproxy_backends": backends}


mysqld = [_host("db1", 21), _host("db2", 22), _host("db3", 23)]
proxy = [_host("lb1", 31), _host("lb2", 32)]
app = [_host("app1", 41), _host("app2", 42)]

all = (
    mysqld + proxy + app,
    {
        "system": "group_replication",
        "lab": {"name": "mysql", "provider": "nspawn", "bridge": "firedrill3", "address": "10.76.0.1/24"},
        "vip": "10.76.0.100",
        "chaos_allowed": True,
        "ssh_key": "/var/lib/firedrill/mysql/ssh_key",
        "ssh_known_hosts_file": "/var/lib/firedrill/mysql/known_hosts",
        "power": {
            "power_on": "lab -i {inventory} start {name}",
            "power_off": "lab -i {inventory} cut {name}",
            "pause": "lab -i {inventory} pause {name}",
            "resume": "lab -i {inventory} resume {name}",
        },
    },
)

"""Hosts that do not exist, to see the plan: `pyinfra --dry --json inventories/fake.py deploy/cluster.py`."""


def _host(name, last):
    data = {
        "ssh_hostname": f"192.0.2.{last}",
        "secrets_file": "~/.local/state/firedrill/fake-secrets.json",
        "fake_delay": 0,
        "fake_delay_jitter": 0,
        "fake_responses": {
            "cat /sys/class/net/": f"02:00:c0:00:02:{last:02x}",
            "ip -o -4 address show": f"2: eth0    inet 192.0.2.{last}/24 scope global eth0",
        },
    }
    return f"@fake/{name}", data


etcd = [_host("etcd1", 11), _host("etcd2", 12), _host("etcd3", 13)]
postgres = [_host("db1", 21), _host("db2", 22), _host("db3", 23)]
proxy = [_host("lb1", 31), _host("lb2", 32)]
app = [_host("app1", 41), _host("app2", 42)]

all = (etcd + postgres + proxy + app, {"vip": "192.0.2.100"})

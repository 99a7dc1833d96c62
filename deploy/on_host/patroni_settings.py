#!/usr/bin/python3
"""firedrill-settings: Patroni's cluster-wide settings, through the REST API of this host. Run by Firedrill's deploy.

    firedrill-settings show               {} if Patroni does not answer
    firedrill-settings patch <patch.json

The address, the files of TLS and the password are those of Patroni's own configuration.
"""

import base64
import json
import ssl
import sys
import urllib.request

import yaml

CONFIG = "/etc/patroni/config.yml"
TIMEOUT = 10


def request(config, method, body=None):
    """The body of the answer. Raises OSError."""
    login, files = config["restapi"]["authentication"], config.get("ctl") or {}
    token = base64.b64encode(f"{login['username']}:{login['password']}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
    context = None
    if files:
        context = ssl.create_default_context(cafile=files["cacert"])
        context.load_cert_chain(files["certfile"], files["keyfile"])
    url = f"{'https' if files else 'http'}://{config['restapi']['connect_address']}/config"
    asked = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(asked, timeout=TIMEOUT, context=context) as answer:
        return answer.read()


def read():
    with open(CONFIG) as file:
        return yaml.safe_load(file)


def main(action):
    if action == "patch":
        request(read(), "PATCH", sys.stdin.buffer.read())
        return
    try:
        found = json.loads(request(read(), "GET"))
    except OSError:
        found = {}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])

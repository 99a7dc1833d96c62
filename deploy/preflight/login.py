"""How this machine logs in: what pyinfra passes over, and a drill refuses."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from paramiko.hostkeys import HostKeys, InvalidHostKey

from firedrill.deploy.preflight.finding import SETTINGS, Finding
from firedrill.inventories.read import Host

KNOWN_HOSTS = "~/.ssh/known_hosts"


def login(hosts: Sequence[Host]) -> Iterator[Finding]:
    """Files of SSH: pyinfra would connect without the jump host, or take any key of a host for a new one."""
    for file in sorted({host.data.get("ssh_config_file") or "" for host in hosts} - {""}):
        if not Path(file).is_file():
            yield _refused(f"no SSH configuration {file}", "correct `ssh_config_file`, with its full path")
    named = {host.data.get("ssh_known_hosts_file") or KNOWN_HOSTS for host in hosts}
    for path in sorted(Path(file).expanduser() for file in named):
        try:
            HostKeys().load(str(path))
        except FileNotFoundError:
            continue  # no host is known yet
        except (OSError, ValueError, InvalidHostKey) as error:
            yield _refused(f"{path}: the known SSH host keys cannot be read ({error})", "fix or remove the file")


def _refused(cause: str, remedy: str) -> Finding:
    return Finding(SETTINGS, "login", cause, remedy, True)

"""The identity of a host as files of its root: name, address, machine id, keys and resolver."""

import uuid
from pathlib import Path

from firedrill.lab.guest import Guest, User

RESOLVED = Path("/run/systemd/resolve/resolv.conf")
NETWORK = """\
[Match]
Name=host0

[Network]
Address={address}/{prefix}
Gateway={gateway}
DHCP=no
LinkLocalAddressing=no
IPv6AcceptRA=no
LLMNR=no
MulticastDNS=no
"""
# An ordinary user: made before sshd starts, by a script that only root can read, and that is gone afterwards.
MAKE_USER = "root/.ssh/make_user"
BEFORE_SSHD = f"""\
[Service]
ExecStartPre=+/bin/sh -c '[ ! -e /{MAKE_USER} ] || . /{MAKE_USER}'
"""
SSHD = """\
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""
USER = """\
set -e
id {name} >/dev/null 2>&1 || useradd --create-home --shell /bin/bash {name}
chpasswd {how} <<'END'
{name}:{password}
END
install -d -o {name} -g {name} -m 700 /home/{name}/.ssh
install -o {name} -g {name} -m 600 /root/.ssh/key_of_user /home/{name}/.ssh/authorized_keys
umask 337
rm -f /etc/sudoers.d/firedrill
echo '{name} ALL=(root) {sudoers}' > /etc/sudoers.d/firedrill
rm /{file}
"""
HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
MACHINE_ID = "etc/machine-id"
HOSTS = "etc/hosts"


def every_boot(guest: Guest, authorized_key: str) -> dict[str, str]:
    """Path to content, written at each boot: what the inventory and this machine determine."""
    resolver = RESOLVED if RESOLVED.exists() else Path("/etc/resolv.conf")
    return {
        "etc/hostname": f"{guest.name}\n",
        # Sorts before 80-container-host0.network, which would use DHCP.
        "etc/systemd/network/10-host0.network": NETWORK.format(
            address=guest.address, prefix=guest.prefix, gateway=guest.gateway
        ),
        "etc/resolv.conf": resolver.read_text(),
    } | (_of_user(guest.user, authorized_key) if guest.user else {"root/.ssh/authorized_keys": authorized_key})


def _of_user(user: User, authorized_key: str) -> dict[str, str]:
    none = user.password is None
    script = USER.format(
        name=user.name,
        how="--encrypted" if none else "--crypt-method SHA512 --sha-rounds 1000",  # each command pays for the rounds
        password="*" if none else user.password,
        sudoers="NOPASSWD: ALL" if none else "ALL",
        file=MAKE_USER,
    )
    return {
        MAKE_USER: script,
        "root/.ssh/key_of_user": authorized_key,
        "etc/systemd/system/ssh.service.d/10-firedrill-user.conf": BEFORE_SSHD,
        "etc/ssh/sshd_config.d/00-firedrill-user.conf": SSHD,
    }


def once(guest: Guest) -> dict[str, str]:
    """Path to content, written when the host is created and not changed afterwards."""
    return {
        # An empty file would mean a first boot, on which systemd enables every service.
        MACHINE_ID: f"{uuid.uuid4().hex}\n",
        HOSTS: f"127.0.0.1 localhost\n{guest.address} {guest.name}\n",
    }

"""No client of ours connects to a server without verifying it: nothing in the repository turns that off."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# In Python, curl, wget, etcdctl, OpenSSH, libpq and HAProxy.
OFF = re.compile(
    r"verify\s*=\s*False|AutoAddPolicy|WarningPolicy|CERT_NONE|CERT_OPTIONAL|_create_unverified_context"
    r"|check_hostname\s*=\s*False|insecure\s*=\s*True|--insecure|insecure-skip"
    r"|curl\s[^\n]*-\w*k\b|--no-check-certificate"
    r"|StrictHostKeyChecking[ =]no|strict_host_key_checking\W+(no|off)\b|sslmode\W+(require|prefer|allow)\b"
    r"|verify\s+none",
    re.IGNORECASE,
)
ATTACKERS = ("tests/deploy/stranger.py",)  # they are no clients of ours
SHOWN = (
    "requests.get(url, verify=False)",
    "client.set_missing_host_key_policy(paramiko.AutoAddPolicy())",
    "curl -sk https://db1",
    "ssh -o StrictHostKeyChecking=no db1",
    '"ssh_strict_host_key_checking": "no"',
    "sslmode=require",
    "server db1 check check-ssl verify none",
)


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name]


def test_nothing_turns_verification_off():
    exempt, found = [Path(__file__), *(ROOT / name for name in ATTACKERS)], []
    for file in tracked():
        if file in exempt or file.is_symlink() or not file.is_file() or file.suffix in (".png", ".gz"):
            continue
        lines = file.read_text(errors="replace").splitlines()
        found += [f"{file.relative_to(ROOT)}:{n}: {line}" for n, line in enumerate(lines, 1) if OFF.search(line)]
    assert found == []


@pytest.mark.parametrize("line", SHOWN)
def test_it_would_be_found(line):
    assert OFF.search(line)

"""The cluster's certificates: what they are valid for, when they are made again, and what is refused."""

import os
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from firedrill.inventories import authority, certificates
from firedrill.inventories.authority import CLIENT, SERVER
from firedrill.inventories.errors import InventoryProblem, Problem
from firedrill.inventories.read import Host

VIP = "192.0.2.100"


def cluster(folder, **more):
    """Two hosts, one of them with two roles, and a proxy."""
    data = {
        "cluster": "demo",
        "secrets_file": str(folder / "state" / "secrets.json"),
        "vip": VIP,
        "certificates": None,
        "fence": "off",
        "certificate_days": 365,
        "renew_days": 30,
        "monitored": False,
    } | more
    rows = (
        ("db1", "192.0.2.21", ("etcd", "postgres")),
        ("lb1", "192.0.2.31", ("proxy",)),
        ("m", "192.0.2.9", ("monitor",)),
    )
    return tuple(Host(*row, data) for row in rows)


def load(hosts):
    return certificates.load(hosts, hosts[0].data)


def read(pair):
    return authority.certificates(pair.cert.read_bytes())[0]


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_certificate_for_each_host_and_role_and_one_for_the_controller(tmp_path):
    made = load(cluster(tmp_path))
    files = {file.name for file in made.ca.parent.iterdir() if file.suffix == ".crt"}
    assert files == {"ca.crt", "controller-client.crt", "db1-etcd.crt", "db1-postgres.crt", "lb1-proxy.crt"}
    for pair in (made.of("etcd", "db1"), made.of("postgres", "db1"), made.of("proxy", "lb1"), made.controller):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(pair.cert, pair.key)


@pytest.mark.parametrize(
    ("role", "host", "names"),
    [
        ("etcd", "db1", {"db1", "192.0.2.21", "localhost", "127.0.0.1", certificates.MEMBER}),
        ("postgres", "db1", {"db1", "192.0.2.21", "localhost", "127.0.0.1", "lb1", "192.0.2.31", VIP}),
        ("proxy", "lb1", {"lb1", "192.0.2.31", "localhost", "127.0.0.1", VIP}),
    ],
)
def test_clients_verify_each_name_that_they_connect_to(tmp_path, role, host, names):
    assert authority.names_of(read(load(cluster(tmp_path)).of(role, host))) == names


def test_a_proxy_is_no_client_and_no_certificate_names_a_user(tmp_path):
    made = load(cluster(tmp_path))
    pairs = {"proxy": made.of("proxy", "lb1"), "etcd": made.of("etcd", "db1"), "controller": made.controller}
    certs = {name: read(pair) for name, pair in pairs.items()}
    uses = {
        name: set(cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) for name, cert in certs.items()
    }
    assert uses == {"proxy": {SERVER}, "etcd": {SERVER, CLIENT}, "controller": {CLIENT}}
    assert not [cert for cert in certs.values() if cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def handshake(ca, pair, name):
    """A TLS handshake in memory, by the strictest rules that a host has (Debian 13's Python)."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair.cert, pair.key)
    client = ssl.create_default_context(cafile=ca)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for end in ends * 3:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue


@pytest.mark.parametrize("name", ["db1", "192.0.2.21", VIP, "lb1"])
def test_a_strict_client_accepts_it(tmp_path, name):
    made = load(cluster(tmp_path))
    handshake(made.ca, made.of("postgres", "db1"), name)


def test_and_refuses_another_name(tmp_path):
    made = load(cluster(tmp_path))
    with pytest.raises(ssl.SSLCertVerificationError, match="db2"):
        handshake(made.ca, made.of("postgres", "db1"), "db2")


def test_only_the_owner_can_read_them(tmp_path):
    folder = load(cluster(tmp_path)).ca.parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir() if file.name != "lock"} == {0o600}


def test_a_second_deploy_changes_no_byte_and_writes_nothing(tmp_path, monkeypatch):
    hosts = cluster(tmp_path)
    before = content(load(hosts).ca.parent)
    monkeypatch.setattr(certificates, "_write", None)
    monkeypatch.setattr(certificates.fcntl, "flock", None)
    assert content(load(hosts).ca.parent) == before


def test_nothing_is_made_where_they_are_only_looked_up(tmp_path):
    hosts = cluster(tmp_path)
    found = certificates.known(hosts, hosts[0].data)
    assert not found.ca.exists() and not (tmp_path / "state").exists()
    assert found == load(hosts)


def test_processes_at_the_same_time_make_one_authority(tmp_path):
    hosts = cluster(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: load(hosts), range(8)))
    before = content(load(hosts).ca.parent)
    made = certificates.known(hosts, hosts[0].data)
    assert authority.flaw(made.of("etcd", "db1").issued, before["ca.crt"], only("db1", {SERVER}), 0) is None


def only(name, uses):
    return authority.for_names([name], frozenset(uses))


def test_a_certificate_near_its_end_is_renewed_and_the_others_are_kept(tmp_path):
    hosts = cluster(tmp_path)
    made = load(hosts)
    before = content(made.ca.parent)
    ca = authority.Issued(before["ca.crt"], before["ca.key"])
    purpose = next(purpose for host, role, purpose in certificates.wanted(hosts) if role == "etcd")
    old = authority.issue(ca, "etcd", purpose, 29)
    made.of("etcd", "db1").cert.write_bytes(old.cert)
    made.of("etcd", "db1").key.write_bytes(old.key)
    load(hosts)
    after = content(made.ca.parent)
    assert after["db1-etcd.crt"] not in (old.cert, before["db1-etcd.crt"])
    assert {name for name in after if after[name] != before[name]} == {"db1-etcd.crt", "db1-etcd.key"}


def test_an_authority_near_its_end_is_renewed_with_its_key_so_that_its_certificates_remain_valid(tmp_path, monkeypatch):
    monkeypatch.setattr(authority, "CA_DAYS", 20)
    hosts = cluster(tmp_path)
    made = load(hosts)
    first = content(made.ca.parent)
    monkeypatch.setattr(authority, "CA_DAYS", 3650)
    load(hosts)
    second = content(made.ca.parent)
    assert {name for name in second if second[name] != first[name]} == {"ca.crt"}
    handshake(made.ca, made.of("postgres", "db1"), "db1")


def foreign(pair, folder):
    other = load(cluster(folder / "other"))
    pair.cert.write_bytes(other.of("etcd", "db1").cert.read_bytes())
    pair.key.write_bytes(other.of("etcd", "db1").key.read_bytes())


FLAWS = {
    "foreign": foreign,
    "no certificate": lambda pair, _: pair.cert.write_text(""),
    "no key": lambda pair, _: pair.key.unlink(),
    "another's key": lambda pair, _: pair.key.write_bytes(pair.key.with_name("lb1-proxy.key").read_bytes()),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_what_is_flawed_is_made_again(tmp_path, flaw):
    hosts = cluster(tmp_path)
    made = load(hosts)
    FLAWS[flaw](made.of("etcd", "db1"), tmp_path)
    load(hosts)
    handshake(made.ca, made.of("etcd", "db1"), "db1")


def test_a_new_proxy_is_a_name_in_the_certificates_of_all_databases(tmp_path):
    hosts = cluster(tmp_path)
    load(hosts)
    more = (*hosts, replace(hosts[1], name="lb2", address="192.0.2.32"))
    assert "192.0.2.32" in authority.names_of(read(load(more).of("postgres", "db1")))


def test_without_the_key_of_the_authority_its_certificates_serve_until_one_is_needed(tmp_path):
    hosts = cluster(tmp_path)
    made = load(hosts)
    made.ca.with_suffix(".key").unlink()
    assert load(hosts) == made
    made.of("etcd", "db1").cert.unlink()
    with pytest.raises(
        InventoryProblem, match="ca.key is missing.*restore it from a backup, or, for a new CA, stop etcd"
    ):
        load(hosts)


def test_the_key_of_another_authority_is_refused(tmp_path):
    hosts = cluster(tmp_path)
    made = load(hosts)
    made.ca.with_suffix(".key").write_bytes(authority.new_ca("other").key)
    made.of("etcd", "db1").cert.unlink()
    with pytest.raises(InventoryProblem, match="is not the key of the CA"):
        load(hosts)


def test_a_renewal_by_every_deploy_is_refused(tmp_path):
    with pytest.raises(InventoryProblem, match="make renew_days smaller"):
        load(cluster(tmp_path, certificate_days=30))


# -- the user's own ------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path):
    """Certificates of the user's own authority, and the hosts that use them."""
    folder = load(cluster(tmp_path)).ca.parent
    return folder, cluster(
        tmp_path,
        certificates={
            "ca": str(folder / "ca.crt"),
            "cert": str(folder / "{host}-{role}.crt"),
            "key": str(folder / "{host}-{role}.key"),
        },
    )


def test_good_certificates_of_the_user_are_used_as_they_are(own):
    folder, hosts = own
    before = content(folder)
    assert load(hosts).of("etcd", "db1").cert == folder / "db1-etcd.crt"
    assert content(folder) == before


def reissue(days=365, name="db1", uses=frozenset({SERVER, CLIENT})):
    """Replace the certificate of etcd on db1."""

    def do(folder):
        ca = authority.Issued((folder / "ca.crt").read_bytes(), (folder / "ca.key").read_bytes())
        names = {name, "192.0.2.21", "localhost", "127.0.0.1"}
        made = authority.issue(ca, "etcd", authority.for_names(names, uses), days)
        (folder / "db1-etcd.crt").write_bytes(made.cert)
        (folder / "db1-etcd.key").write_bytes(made.key)

    return do


def foreign_ca(folder):
    (folder / "ca.crt").write_bytes(authority.new_ca("other").cert)


def no_ca(folder):
    """The certificate of a server in the place of the CA's, which issued the others with the same key."""
    key = (folder / "ca.key").read_bytes()
    leaf = authority.issue(authority.Issued((folder / "ca.crt").read_bytes(), key), "x", only("x", {SERVER}), 10)
    (folder / "ca.crt").write_bytes(leaf.cert)


def odd_key(folder):
    """A key on a curve that is not supported."""
    pem = "MD4CAQEEDrceUYLVWO+k3C0iQqyBoAcGBSuBBAAGoSADHgAEBpraUpW839v5GYuU\njJ62Xn+VwWYG5aqxAnlOkQ=="
    text = f"-----BEGIN EC PRIVATE KEY-----\n{pem}\n-----END EC PRIVATE KEY-----\n"
    (folder / "db1-etcd.key").write_text(text)


def named(common, uses=frozenset({CLIENT})):
    """The controller's certificate with a common name."""

    def do(folder):
        ca = authority.Issued((folder / "ca.crt").read_bytes(), (folder / "ca.key").read_bytes())
        key = serialization.load_pem_private_key((folder / "controller-client.key").read_bytes(), None)
        issuer = authority.certificates(ca.cert)[0]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
        cert = (
            authority._builder(subject, issuer.subject, key.public_key(), issuer.public_key(), 10)
            .add_extension(x509.ExtendedKeyUsage(sorted(uses, key=str)), critical=False)
            .sign(serialization.load_pem_private_key(ca.key, None), hashes.SHA256())
        )
        (folder / "controller-client.crt").write_bytes(cert.public_bytes(serialization.Encoding.PEM))

    return do


BAD = {
    "user root": (named("root"), "of controller has the common name 'root', with which it is this user of etcd: issue"),
    "user patroni": (named("patroni-0123abcd"), "has the common name 'patroni-0123abcd'"),
    "expired": (reissue(days=0), "of etcd db1 cannot be used: it ends at .*: replace it and its key"),
    "another name": (reissue(name="db9"), "it is not valid for db1"),
    "server only": (reissue(uses=frozenset({SERVER})), "it may not be used as client"),
    "foreign": (foreign_ca, "it was not issued by the CA"),
    "another's key": (
        lambda folder: (folder / "db1-etcd.key").write_bytes((folder / "lb1-proxy.key").read_bytes()),
        "its key belongs to another certificate",
    ),
    "no key": (lambda folder: (folder / "db1-etcd.key").write_text("-"), "it cannot be read"),
    "missing": (lambda folder: (folder / "db1-etcd.crt").unlink(), "No such file.*the key `certificates`"),
    "odd key": (odd_key, "of etcd db1 cannot be used: it cannot be read"),
    "the CA is a server": (no_ca, "the CA .* cannot be used: it is the certificate of no CA"),
    "open": (lambda folder: os.chmod(folder / "db1-etcd.key", 0o644), "others can read the key .*chmod 600"),
    "no CA": (lambda folder: (folder / "ca.crt").write_text("x"), "the CA .* cannot be used: it cannot be read"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_flawed_certificate_of_the_user_is_refused_in_one_line(own, bad):
    folder, hosts = own
    change, message = BAD[bad]
    change(folder)
    with pytest.raises(InventoryProblem, match=message) as refused:
        load(hosts)
    assert "\n" not in str(refused.value)


def test_a_common_name_that_is_no_user_of_etcd_is_accepted(own):
    folder, hosts = own
    named("ops.example")(folder)
    load(hosts)


def test_whether_certificates_tell_members_of_etcd_apart(tmp_path):
    hosts = cluster(tmp_path)
    made = load(hosts)
    assert certificates.members_are_named(made, hosts)
    made.of("postgres", "db1").cert.write_bytes(made.of("etcd", "db1").cert.read_bytes())
    assert not certificates.members_are_named(made, hosts)


def test_an_intermediate_authority_in_the_file_of_a_certificate_is_followed():
    root, between = authority.new_ca("root"), authority.new_ca("between")
    server = authority.issue(root, "between", only("between", {SERVER}), 10)
    leaf = authority.issue(between, "etcd", only("db1", {SERVER}), 10)
    issuer, key = authority.certificates(root.cert)[0], serialization.load_pem_private_key(root.key, None)
    its_own = authority.certificates(between.cert)[0]
    signed = (
        authority._builder(its_own.subject, issuer.subject, its_own.public_key(), issuer.public_key(), 10)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    between = between._replace(cert=signed.public_bytes(serialization.Encoding.PEM))
    by_server = authority.issue(server, "etcd", only("db1", {SERVER}), 10)
    by_server = by_server._replace(cert=by_server.cert + server.cert)
    assert authority.flaw(by_server, root.cert, only("db1", {SERVER}), 0) == "it was not issued by the CA"
    assert authority.flaw(leaf, root.cert, only("db1", {SERVER}), 0) == "it was not issued by the CA"
    chain = leaf._replace(cert=leaf.cert + between.cert)
    assert authority.flaw(chain, root.cert, only("db1", {SERVER}), 0) is None


@pytest.mark.parametrize("key", ["ca.key", "db1-etcd.key", "controller-client.key"])
@pytest.mark.parametrize("how", ["open", "a link"])
def test_a_key_of_ours_that_others_can_read_or_replace_is_refused_in_one_line(tmp_path, key, how):
    hosts = cluster(tmp_path)
    file = load(hosts).ca.parent / key
    if how == "open":
        file.chmod(0o640)
    else:
        file.symlink_to(file.rename(tmp_path / "elsewhere"))
    with pytest.raises(
        Problem, match=f"{file} is (accessible to other users.*chmod 600|not a regular file)"
    ) as refused:
        load(hosts)
    assert "\n" not in str(refused.value)

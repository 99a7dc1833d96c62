"""A small certificate authority: issues a certificate, and reports what is wrong with one.

Certificates have no common name: etcd would take it as a user's name, so a stolen certificate would be an account.
"""

import datetime
import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
CA_DAYS = 3650
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)
# Valid from a little earlier: clocks differ.
EARLIER = datetime.timedelta(days=1)


class Issued(NamedTuple):
    """A certificate and its private key, both as PEM."""

    cert: bytes
    key: bytes


class Wanted(NamedTuple):
    """What a certificate must be valid for: names and addresses, and uses (SERVER, CLIENT)."""

    names: frozenset[str]
    uses: frozenset[x509.ObjectIdentifier]


def for_names(names: Iterable[str], uses: frozenset[x509.ObjectIdentifier]) -> Wanted:
    """The purpose of a certificate, each address in its usual form."""
    return Wanted(frozenset(_usual(name) for name in names), uses)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def new_ca(name: str, key: bytes | None = None) -> Issued:
    """A certificate authority. With the `key` of an earlier one, what that one issued stays valid."""
    private = _key(key) if key else ec.generate_private_key(ec.SECP256R1())
    subject = _subject(name, "CA")
    usage = _usage(digital_signature=True, key_cert_sign=True, crl_sign=True)
    cert = (
        _builder(subject, subject, private.public_key(), private.public_key(), CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(private, hashes.SHA256())
    )
    return _issued(cert, private)


def issue(ca: Issued, unit: str, wanted: Wanted, days: float) -> Issued:
    """A new key, and a certificate of the authority for it. `unit` is for people: what the certificate is for."""
    issuer, issuer_key = certificates(ca.cert)[0], _key(ca.key)
    private = ec.generate_private_key(ec.SECP256R1())
    organization = issuer.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value
    names = [_san(name) for name in sorted(wanted.names)]
    builder = (
        _builder(_subject(str(organization), unit), issuer.subject, private.public_key(), issuer.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(sorted(wanted.uses, key=str)), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return _issued(builder.sign(issuer_key, hashes.SHA256()), private)


def certificates(pem: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM file. Raises ValueError if there is none."""
    return x509.load_pem_x509_certificates(pem)


def matches(cert: x509.Certificate, key: bytes) -> bool:
    """Whether a private key belongs to a certificate. Raises ValueError if it is no key."""
    return _public(_key(key).public_key()) == _public(cert.public_key())


def same_key(one: bytes, other: bytes) -> bool:
    """Whether two files of certificates have an authority in common, be it renewed. False if one cannot be read."""
    try:
        first, second = ({_public(cert.public_key()) for cert in certificates(pem)} for pem in (one, other))
    except UNREADABLE:
        return False
    return bool(first & second)


def flaw(issued: Issued, ca: bytes, wanted: Wanted, days_left: float) -> str | None:
    """What is wrong with a certificate, or None. `days_left`: how long it must remain valid."""
    try:
        chain, authorities = certificates(issued.cert), certificates(ca)
        fits = matches(chain[0], issued.key)
    except UNREADABLE as error:
        return f"it cannot be read ({error})"
    cert = chain[0]
    if not fits:
        return "its key belongs to another certificate"
    if not _signed(cert, chain[1:], authorities):
        return "it was not issued by the CA"
    if found := ends(cert, days_left):
        return found
    return _unfit(cert, wanted)


def ends(cert: x509.Certificate, days_left: float) -> str | None:
    """Whether a certificate is not valid now and for some days; None if it is."""
    if cert.not_valid_before_utc > now():
        return f"it is valid only from {cert.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    left = cert.not_valid_after_utc - now()
    if left < datetime.timedelta(days=days_left) or left < datetime.timedelta():
        return f"it ends at {cert.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    return None


def _unfit(cert: x509.Certificate, wanted: Wanted) -> str | None:
    if missing := sorted(wanted.names - names_of(cert)):
        return f"it is not valid for {', '.join(missing)}"
    uses = _uses_of(cert)
    if uses is not None and wanted.uses - uses:
        return "it may not be used as " + " and ".join(sorted(_use_name(use) for use in wanted.uses - uses))
    return None


def exact(cert: x509.Certificate, wanted: Wanted) -> bool:
    """Whether a certificate is valid for what is wanted, and for nothing else."""
    return names_of(cert) == wanted.names and _uses_of(cert) == wanted.uses


def names_of(cert: x509.Certificate) -> frozenset[str]:
    """The names and addresses that a certificate is valid for."""
    try:
        found = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = {str(address) for address in found.get_values_for_type(x509.IPAddress)}
    return frozenset(addresses) | frozenset(found.get_values_for_type(x509.DNSName))


def common_name_of_client(cert: x509.Certificate) -> str | None:
    """The common name of a certificate that a client can show; None if it has none."""
    uses = _uses_of(cert)
    names = cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names and (uses is None or CLIENT in uses) else None


def _uses_of(cert: x509.Certificate) -> frozenset[x509.ObjectIdentifier] | None:
    """None: for any use."""
    try:
        return frozenset(cert.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return None


def _use_name(use: x509.ObjectIdentifier) -> str:
    return "server" if use == SERVER else "client"


def _signed(cert: x509.Certificate, others: list[x509.Certificate], authorities: list[x509.Certificate]) -> bool:
    """Whether a chain leads from the certificate through some of the others to an authority."""
    if any(_by(cert, authority) for authority in authorities):
        return True
    return any(
        _by(cert, one) and _signed(one, [*others[:n], *others[n + 1 :]], authorities) for n, one in enumerate(others)
    )


def is_ca(cert: x509.Certificate) -> bool:
    """Whether clients accept what it has issued; those of old have no such mark."""
    try:
        return bool(cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return True


def _by(cert: x509.Certificate, issuer: x509.Certificate) -> bool:
    if not is_ca(issuer):
        return False
    try:
        cert.verify_directly_issued_by(issuer)
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def _builder(subject, issuer, public, issuer_public, days: float) -> x509.CertificateBuilder:
    start = now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - EARLIER)
        .not_valid_after(start + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False)
    )


def _subject(organization: str, unit: str) -> x509.Name:
    names = (NameOID.ORGANIZATION_NAME, organization), (NameOID.ORGANIZATIONAL_UNIT_NAME, unit)
    return x509.Name([x509.NameAttribute(kind, name) for kind, name in names])


def _usage(**given: bool) -> x509.KeyUsage:
    kinds = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**(dict.fromkeys(kinds, False) | given))


def _usual(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key(pem: bytes):
    return serialization.load_pem_private_key(pem, None)


def _public(key) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _issued(cert: x509.Certificate, key) -> Issued:
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Issued(cert.public_bytes(pem), private)

"""X.509 as we use it: P-256, the party's name as the common name, one use a certificate."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from agents.tools.access.lifetimes import AUTHORITY_VALID, BACKDATED, VALID

SHA256 = hashes.SHA256()


class Pair(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> bytes:
        return pem(self.certificate)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def authority(name: str, now: datetime) -> Pair:
    """A new authority that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    usage = _usage(key_cert_sign=True, crl_sign=True)
    built = (
        _builder(subject, subject, key.public_key(), now, AUTHORITY_VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256)
    )
    return Pair(built, key)


def crossed(root: x509.Certificate, issuer: Pair, now: datetime) -> x509.Certificate:
    """A root's name and key, signed by another root: whoever trusts that one can see that the new one is ours."""
    key = root.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return _builder(root.subject, issuer.certificate.subject, key, now, AUTHORITY_VALID).sign(issuer.key, SHA256)


def client(issuer: Pair, name: str, now: datetime, valid: timedelta = VALID) -> Pair:
    """For a party: it can only be shown by one who connects."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Pair(for_client(issuer, name, key.public_key(), now, valid), key)


def for_client(
    issuer: Pair, name: str, key: ec.EllipticCurvePublicKey, now: datetime, valid: timedelta = VALID
) -> x509.Certificate:
    """The same for a key that the party has made itself."""
    return _issued(issuer, name, (), ExtendedKeyUsageOID.CLIENT_AUTH, key, now, valid)


def server(issuer: Pair, hosts: Sequence[str], now: datetime, valid: timedelta = VALID) -> Pair:
    """For a broker that is reached under these names or addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    use = ExtendedKeyUsageOID.SERVER_AUTH
    return Pair(_issued(issuer, hosts[0], hosts, use, key.public_key(), now, valid), key)


def revocation_list(issuer: Pair, serials: dict[int, datetime], now: datetime) -> x509.CertificateRevocationList:
    """It does not go out of date before its authority: a broker with an old list refuses everybody, and what is new in
    it comes with `gridpact broker update`."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now - BACKDATED)
        .next_update(issuer.certificate.not_valid_after_utc)
    )
    for serial, revoked_at in serials.items():
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(revoked_at).build()
        builder = builder.add_revoked_certificate(one)
    return builder.sign(issuer.key, SHA256)


def pem(one: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return one.public_bytes(serialization.Encoding.PEM)


def common_name(certificate: x509.Certificate) -> str:
    """Whom a certificate is for."""
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def is_for_clients(certificate: x509.Certificate) -> bool:
    """Whether a party may show it."""
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage


def utc_now() -> datetime:
    """The whole second that it is: X.509 knows no smaller unit."""
    return datetime.now(UTC).replace(microsecond=0)


def _issued(
    issuer: Pair,
    name: str,
    hosts: Sequence[str],
    use: x509.ObjectIdentifier,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    valid: timedelta,
) -> x509.Certificate:
    of_issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    valid = min(valid, issuer.certificate.not_valid_after_utc - now)  # it opens nothing behind its root's end
    builder = (
        _builder(_name(name), issuer.certificate.subject, key, now, valid)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        .add_extension(of_issuer, critical=False)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
    return builder.sign(issuer.key, SHA256)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, valid: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + valid)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def as_in_certificate(host: str) -> str:
    """How a certificate writes a host: addresses in their shortest form."""
    return str(_host(host).value)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )

"""What proves who we are, read from its files at each connection: a renewed certificate counts from the next one on."""

import hashlib
import ssl
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from broker.address import Address
from broker.link import LinkDenied


class CredentialsError(LinkDenied):
    """A file of ours cannot be used; one sentence with the file."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Ready for a connection."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    expires_at: datetime | None = None
    """When our certificate ends."""
    digest: bytes = b""
    """Of all files: other contents are other credentials."""

    @property
    def has_login(self) -> bool:
        """Whether the broker is told who we are."""
        return self.username is not None or self.expires_at is not None


def read_credentials(address: Address) -> Credentials:
    """What the files hold now. Raises CredentialsError."""
    contents = [_bytes(path) for path in address.files]
    password = address.password
    if address.password_file is not None:
        password = _first_line(address.password_file)
    return Credentials(
        address.username,
        password,
        None if address.ca is None else _context(address, address.ca),
        None if address.certificate is None else _expiry(address.certificate),
        hashlib.sha256(b"\0".join(contents)).digest(),
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CredentialsError(f"{path}: cannot be read: {error.strerror}") from None


def _first_line(path: Path) -> str:
    try:
        first = _bytes(path).decode("utf-8-sig").splitlines()[0]  # editors of Windows write a mark before it
    except (UnicodeDecodeError, IndexError):
        first = ""
    if not first:
        raise CredentialsError(f"{path}: has no first line with a password")
    return first


def _context(address: Address, ca: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(ca)
    except (ssl.SSLError, ValueError):
        raise CredentialsError(f"{ca}: holds no certificate of an authority (PEM)") from None
    if address.certificate is not None:
        try:
            context.load_cert_chain(address.certificate, address.key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            raise CredentialsError(_unusable(address, error)) from None
    return context


def _unusable(address: Address, error: Exception) -> str:
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return f"{address.key}: is not the key of the certificate {address.certificate}"
    if isinstance(error, ssl.SSLError):
        return f"{address.certificate}, {address.key}: are no certificate and its key (PEM)"
    return f"{address.key}: is encrypted, and nobody is here to type its password"


def _no_password() -> str:
    raise ValueError("no password")


def _expiry(path: Path) -> datetime:
    from cryptography import x509  # a tenth of a second to import: only for those who have a certificate

    try:
        return x509.load_pem_x509_certificate(_bytes(path)).not_valid_after_utc
    except ValueError:
        raise CredentialsError(f"{path}: is no certificate (PEM)") from None

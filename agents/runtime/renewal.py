"""A certificate that ends soon is renewed over the session that it opened. The new key is made here and never leaves;
when the new certificate is refused, the carrier goes on with the old one (broker/entrance.py)."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agents.runtime.credentials import RENEW_WITHIN
from agents.runtime.files.pair import put_pair
from agents.runtime.files.private import content, put
from agents.settings.checked import ConfigError
from broker.bus import Post
from broker.mqtt import MqttBus

REQUEST, CERTIFICATE = "gridpact/ca/request", "gridpact/ca/certificate"
"""Topics, with the party's name behind them: to the authority, and back."""
REFUSED = b"refused: "
"""What the authority answers begins with this where it gives no certificate; the reason stands behind it."""
ROOTS = "gridpact/ca/roots"
"""Where the authority tells everybody which roots are trusted."""
LONGEST_REASON = 300
LOOK_S = 3600.0
ASK_AGAIN_S = 15.0
"""Where another root signs, a question that was lost while the broker or the authority was away is asked again."""

log = structlog.get_logger("gridpact.renewal")


class Renewal:
    """Of one connection's certificate. Made before the connection is."""

    def __init__(self, bus: MqttBus) -> None:
        self._bus, self._key = bus, ec.generate_private_key(ec.SECP256R1())
        """The key that is asked for until it has a certificate; never one that is in use."""
        self._name = _named(bus)
        bus.hear_beside(f"{CERTIFICATE}/{self._name}", self.take)
        bus.hear_beside(ROOTS, self.take_roots)
        self._other_root = False
        """Our certificate is not one of the root that signs now."""
        self._look = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled: ask once an hour while the certificate ends soon, more often while it is of a root that is to go.
        Without an authority nobody answers, and the alert that it ends soon stands."""
        while True:
            self._look.clear()
            ends_at = self._bus.entrance.expires_at
            ends_soon = ends_at is not None and ends_at - datetime.now(UTC) < RENEW_WITHIN
            if ends_soon or self._other_root:
                await self.ask()
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_AGAIN_S if self._other_root or ends_at is None else LOOK_S):
                    await self._look.wait()

    async def ask(self) -> None:
        """Send a request that is signed with a new key; the same one, where the answer may be on its way."""
        await self._bus.publish(Post(f"{REQUEST}/{self._name}", signing_request(self._name, self._key)))

    def take_roots(self, payload: bytes) -> None:
        """Which roots the authority tells to be trusted: a new one counts when one that we trust has signed it, and ours
        go when the one that signs is among them. Then our certificate has to be one of that root."""
        address = self._bus.address
        assert address.ca is not None
        assert address.certificate is not None
        try:
            ours = x509.load_pem_x509_certificates(content(address.ca))
            theirs = trusted_roots(ours, x509.load_pem_x509_certificates(payload))
            if theirs and set(theirs) != set(ours):
                put(address.ca, b"".join(one.public_bytes(serialization.Encoding.PEM) for one in theirs))
                log.info(
                    "roots_exchanged", party=self._bus.name, roots=[one.subject.rfc4514_string() for one in theirs]
                )
            own = x509.load_pem_x509_certificate(content(address.certificate))
        except (ValueError, ConfigError) as error:
            log.warning("roots_not_taken", party=self._bus.name, text=f"{error}")
            return
        self._other_root = bool(theirs) and own.issuer != theirs[0].subject
        if self._other_root:
            self._look.set()

    def take(self, payload: bytes) -> None:
        """What the authority answered: the carrier takes the files up by itself."""
        address = self._bus.address
        assert address.certificate is not None
        assert address.key is not None
        try:
            if payload.startswith(REFUSED):
                raise ValueError(refusal_of(payload))
            found = x509.load_pem_x509_certificate(payload)
            if found.public_key() != self._key.public_key():
                raise ValueError("it is not for the key that was asked for")
            put_pair(address.certificate, address.key, payload, _pem(self._key))
            self._key = ec.generate_private_key(ec.SECP256R1())
        except (ValueError, ConfigError) as error:
            log.warning("certificate_not_renewed", party=self._bus.name, text=f"{error}")
        else:
            self._other_root = False
            log.info("certificate_renewed", party=self._bus.name, until=found.not_valid_after_utc)


def _named(bus: MqttBus) -> str:
    """As whom the broker knows us: by our certificate, which a connection that only hears is not named like."""
    try:
        assert bus.address.certificate is not None
        found = x509.load_pem_x509_certificate(content(bus.address.certificate))
        return str(found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    except (ValueError, IndexError):  # ConfigError is one: what cannot be read is told where it is needed
        return bus.name


def trusted_roots(ours: Sequence[x509.Certificate], told: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Of the roots that are told those to trust, the one that signs first; none where that one cannot be believed."""
    roots = [one for one in told if one.subject == one.issuer]
    crosses = [one for one in told if one.subject != one.issuer]
    believed = [root for root in roots if root in ours or any(_vouches(cross, root, ours) for cross in crosses)]
    return believed if roots and roots[0] in believed else []


def _vouches(cross: x509.Certificate, root: x509.Certificate, ours: Sequence[x509.Certificate]) -> bool:
    """Whether one of our roots has signed that a root's key is of the same authority."""
    if cross.subject != root.subject or cross.public_key() != root.public_key():
        return False
    return any(_signed(cross, one) for one in ours)


def _signed(cross: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        cross.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def refusal_of(payload: bytes) -> str:
    """The authority's reason, fit for a log and a terminal."""
    text = payload[:LONGEST_REASON].decode(errors="replace")
    return "".join(one if one.isprintable() else " " for one in text)


def signing_request(name: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    """What asks the authority for a certificate (PEM) in one's own name."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())

"""A certificate that ends soon is renewed over the session that it opened. The new key is made here and never leaves;
when the new certificate is refused, the carrier goes on with the old one (broker/entrance.py)."""

import asyncio
from datetime import UTC, datetime

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agents.runtime.credentials import RENEW_WITHIN
from agents.runtime.files.private import PRIVATE, content, put
from agents.settings.checked import ConfigError
from broker.address import earlier
from broker.bus import Post
from broker.mqtt import MqttBus

REQUEST, CERTIFICATE = "gridpact/ca/request", "gridpact/ca/certificate"
"""Topics, with the party's name behind them: to the authority, and back."""
LOOK_S = 3600.0

log = structlog.get_logger("gridpact.renewal")


class Renewal:
    """Of one connection's certificate. Made before the connection is."""

    def __init__(self, bus: MqttBus) -> None:
        self._bus, self._key = bus, ec.generate_private_key(ec.SECP256R1())
        """The key that was asked for last; never one that is in use."""
        bus.hear_beside(f"{CERTIFICATE}/{bus.name}", self.take)

    async def run(self) -> None:
        """Until cancelled: ask once an hour while the certificate ends soon. Without an authority nobody answers, and
        the alert that it ends soon stands."""
        while True:
            ends_at = self._bus.entrance.expires_at
            if ends_at is not None and ends_at - datetime.now(UTC) < RENEW_WITHIN:
                await self.ask()
            await asyncio.sleep(LOOK_S)

    async def ask(self) -> None:
        """Send a request that is signed with a new key."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        await self._bus.publish(Post(f"{REQUEST}/{self._bus.name}", signing_request(self._bus.name, self._key)))

    def take(self, payload: bytes) -> None:
        """What the authority answered: the carrier takes the files up by itself."""
        address = self._bus.address
        assert address.certificate is not None
        assert address.key is not None
        try:
            found = x509.load_pem_x509_certificate(payload)
            if found.public_key() != self._key.public_key():
                raise ValueError("it is not for the key that was asked for last")
            for path in (address.key, address.certificate):  # who is started behind this may need the old ones
                put(earlier(path), content(path), PRIVATE)
            put(address.key, _pem(self._key), PRIVATE)
            put(address.certificate, payload)
        except (ValueError, ConfigError) as error:
            log.warning("certificate_not_renewed", party=self._bus.name, text=f"{error}")
        else:
            log.info("certificate_renewed", party=self._bus.name, until=found.not_valid_after_utc)


def signing_request(name: str, key: ec.EllipticCurvePrivateKey) -> bytes:
    """What asks the authority for a certificate (PEM) in one's own name."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())

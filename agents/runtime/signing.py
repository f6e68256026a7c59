"""Signatures of awards and dispatches (Ed25519), for a broker that is not trusted: it cannot make one of a parent's.

A signature stands as the first entry of the message's `extensions`; what is signed is the topic, a zero byte, and the
message without that entry. So who knows nothing of it takes the message as it is, and a journal holds it as it was said.
"""

import base64
import re
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from agents.runtime.files.private import PRIVATE, content, put
from agents.settings.checked import ConfigError
from agents.settings.daemon import SigningSettings
from broker.bus import Bus, Deliver, Post
from protocol.edges import Edge, place_of
from protocol.errors import RefusedMessage, RejectReason

SIGNED = frozenset(("award", "dispatch"))
"""The kinds by which power is moved."""
ENTRY = "gridpact.signature"
BEFORE = b'"extensions":{'
FOUND = re.compile(rb'"gridpact\.signature":"([A-Za-z0-9+/]{86}==)",?')


def make_key(path: Path) -> str:
    """Write a new private key for its owner alone; the public one as text. Raises ConfigError."""
    if path.exists():
        raise ConfigError(f"{path}: is there already; devices know the parent by it")
    key = Ed25519PrivateKey.generate()
    put(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), PRIVATE)
    return public_text(key.public_key())


def public_text(key: Ed25519PublicKey) -> str:
    """As it stands in a device's file: 32 bytes in base64."""
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


class Signer:
    """Of one parent."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def read(cls, path: Path) -> "Signer":
        """Raises ConfigError."""
        try:
            key = load_pem_private_key(content(path), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ConfigError(f"{path}: signing.key: is no key (PEM, without a password)") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigError(f"{path}: signing.key: is no Ed25519 key: make it with 'gridpact ca signing-key'")
        return cls(key)

    def before(self, bus: Bus) -> Bus:
        """A bus in front of another one: awards and dispatches leave signed."""
        return SigningBus(bus, self)

    def sign(self, topic: str, body: bytes) -> bytes:
        """A message with its signature; the same message always gets the same one."""
        before, found, behind = body.partition(BEFORE)
        if not found:
            return body
        signature = base64.b64encode(self._key.sign(_said(topic, body)))
        comma = b"" if behind.startswith(b"}") else b","
        return before + BEFORE + f'"{ENTRY}":"'.encode() + signature + b'"' + comma + behind


class SigningBus:
    """A bus in front of another one: awards and dispatches leave signed."""

    def __init__(self, bus: Bus, signer: Signer) -> None:
        self._bus, self._signer = bus, signer

    async def run(self, deliver: Deliver) -> None:
        await self._bus.run(deliver)

    async def publish(self, post: Post) -> None:
        place = place_of(post.topic)
        if place is not None and place[0] in SIGNED and post.payload:
            post = post._replace(payload=self._signer.sign(post.topic, post.payload))
        await self._bus.publish(post)


class Verifier:
    """Of a child: it knows the public keys of its parents."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = keys

    @classmethod
    def of(cls, settings: SigningSettings, where: str) -> "Verifier | None":
        """None where no parent's key is known. Raises ConfigError."""
        keys = {}
        for name, text in settings.parents.items():
            try:
                keys[name] = Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
            except ValueError:
                raise ConfigError(f"{where}: signing.parents.{name}: is no public key of Ed25519 (base64)") from None
        return cls(keys) if keys else None

    def opened(self, kind: str, edge: Edge, topic: str, payload: bytes) -> bytes:
        """The message as it was said. Raises RefusedMessage for an award or a dispatch that its parent has not signed."""
        key = self._keys.get(edge.parent) if kind in SIGNED else None
        if key is None:
            return payload
        signatures = FOUND.findall(payload)
        if len(signatures) != 1:
            raise RefusedMessage(RejectReason.UNKNOWN_PARTY, f"{kind}: is not signed by {edge.parent}")
        body = FOUND.sub(b"", payload)
        try:
            key.verify(base64.b64decode(signatures[0]), _said(topic, body))
        except InvalidSignature:
            text = f"{kind}: its signature is not one of {edge.parent} for this message on this topic"
            raise RefusedMessage(RejectReason.UNKNOWN_PARTY, text) from None
        return body


def _said(topic: str, body: bytes) -> bytes:
    return topic.encode() + b"\0" + body

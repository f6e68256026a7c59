"""How bytes on an edge become an input: opened by a child that wants awards and dispatches signed, then read."""

from typing import Protocol

from agents.settings.daemon import SigningSettings
from broker.bus import Arrival
from protocol.actor import Received, Refused, heard
from protocol.edges import Edge
from protocol.errors import RefusedMessage


class Opener(Protocol):
    """Who holds messages against signatures (agents/runtime/signing.py, which takes 10 MB: only for those who verify)."""

    def opened(self, kind: str, edge: Edge, topic: str, payload: bytes) -> bytes:
        """The message as it was said. Raises RefusedMessage."""
        ...


def read(kind: str, edge: Edge, arrival: Arrival, opener: Opener | None) -> Received | Refused:
    """A message, or why these bytes are none."""
    if opener is None:
        return heard(kind, edge, arrival.payload)
    try:
        return heard(kind, edge, opener.opened(kind, edge, arrival.topic, arrival.payload))
    except RefusedMessage as refusal:
        return Refused(edge, kind, refusal.reason, refusal.text)


def verifier_of(settings: SigningSettings, where: str) -> Opener | None:
    """By the public keys of the parents that stand in a file; None where there are none. Raises ConfigError."""
    if not settings.parents:
        return None
    from agents.runtime.signing import Verifier

    return Verifier.of(settings, where)

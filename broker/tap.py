"""A connection that hears everything and says nothing: no presence, no session that outlives it."""

from collections.abc import Callable
from uuid import uuid4

from broker.mqtt import Address, MqttBus
from protocol.edges import ROOT

EVERYTHING = f"{ROOT}/#"


def tap(address: Address, purpose: str, on_connected: Callable[[bool], None] = lambda connected: None) -> MqttBus:
    """A carrier for `run` only. Arrivals have to be acknowledged, or the broker holds back the next ones. Behind an
    access list it hears the topics that its user may read."""
    name = f"gridpact-{purpose}-{uuid4().hex[:8]}"
    return MqttBus(address, name, (EVERYTHING,), on_connected=on_connected, session_expiry_s=0)

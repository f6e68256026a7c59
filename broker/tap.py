"""A connection that hears everything and says nothing: no presence, and by default no session that outlives it."""

from collections.abc import Callable
from uuid import uuid4

from broker.mqtt import Address, MqttBus
from protocol.edges import ROOT

EVERYTHING = f"{ROOT}/#"


def tap(
    address: Address,
    purpose: str,
    on_connected: Callable[[bool], None] = lambda connected: None,
    session_expiry_s: int = 0,
    whole: bool = False,
) -> MqttBus:
    """A carrier for `run` only. Arrivals have to be acknowledged, or the broker holds back the next ones. Behind an
    access list it hears the topics that its user may read. With a session the broker keeps what comes while the
    connection is lost; `whole` takes retained messages that others ignore, and properties."""
    name = f"gridpact-{purpose}-{uuid4().hex[:8]}"
    return MqttBus(
        address, name, (EVERYTHING,), on_connected=on_connected, session_expiry_s=session_expiry_s, whole=whole
    )

"""A connection that hears everything and says nothing of itself: no presence, and by default no session that outlives
it."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

from broker.credentials import CredentialsError
from broker.link import LinkDenied
from broker.mosquitto import BrokerFailed
from broker.mqtt import Address, MqttBus
from protocol.edges import ROOT

EVERYTHING = f"{ROOT}/#"
CONNECT_WITHIN_S = 5.0
FAILS_AFTER_S = 1.0
"""Where it is known by then why nobody lets us in, it is told: a broker that starts beside us is there by then."""


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


async def reached(listening: asyncio.Task[None], connected: asyncio.Event, bus: MqttBus, otherwise: str) -> None:
    """Return when the tap is connected for the first time. Raises what `listening` (its `run`) raises, and BrokerFailed:
    with the words `otherwise` when that takes too long, with the reason when the broker does not let us in."""
    first = asyncio.create_task(connected.wait())
    for seconds in (FAILS_AFTER_S, CONNECT_WITHIN_S - FAILS_AFTER_S):
        await asyncio.wait((listening, first), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if listening.done() or connected.is_set() or bus.entrance.failure:
            break
    first.cancel()
    if listening.done():
        try:
            listening.result()
        except CredentialsError:
            raise
        except LinkDenied as error:
            raise BrokerFailed(str(error)) from None
    if not connected.is_set():
        raise BrokerFailed(f"{otherwise} ({why})" if (why := bus.entrance.failure) else otherwise)

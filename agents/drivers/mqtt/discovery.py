"""What is said at a broker: topics with their newest payload, from which an installer picks those of a device."""

import asyncio
from uuid import uuid4

from broker.address import Address
from broker.aiomqtt_link import AiomqttLink
from broker.entrance import Entrance
from broker.link import Greeting
from protocol.edges import QOS

MOST_TOPICS = 1_000


async def heard_topics(address: Address, wanted: str, seconds: float) -> dict[str, bytes]:
    """By topic what came within so many seconds, what is retained included; no more than `MOST_TOPICS`. Raises LinkLost."""
    name = f"gridpact-devices-{uuid4().hex[:8]}"
    link = AiomqttLink(Entrance(address.named(name)).next(), Greeting(name, None, 0))
    heard: dict[str, bytes] = {}
    try:
        await link.open()
        await link.subscribe(wanted, QOS)
        try:
            async with asyncio.timeout(seconds):
                while len(heard) < MOST_TOPICS:
                    for one in await link.received():
                        if one.qos:
                            link.acknowledge(one.packet_id)
                        heard[one.topic] = one.payload
        except TimeoutError:
            pass
    finally:
        await link.close()
    return dict(sorted(heard.items()))

"""The bench's raw client and its crowd on a real Mosquitto."""

import asyncio
import shutil

import pytest

from bench.crowd import Crowd
from bench.ingest import asked
from bench.wire import RawClient, frames, packed
from broker.mosquitto import SBIN, private_broker
from protocol.codec import decode, encode
from protocol.messages import Offer

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(shutil.which("mosquitto", path=f"{SBIN}:/usr/bin:/bin") is None, reason="no Mosquitto here"),
]


def test_a_long_frame_has_a_length_of_two_bytes() -> None:
    assert packed(0x30, b"x" * 200)[:3] == bytes((0x30, 0xC8, 0x01))


async def test_more_than_a_window_of_posts_arrives_whole_and_in_order() -> None:
    heard: list[bytes] = []
    complete = asyncio.Event()

    def hear(topic: bytes, payload: bytes) -> None:
        heard.append(payload)
        if len(heard) == 2_000:
            complete.set()

    async with private_broker() as broker, asyncio.timeout(30):
        listener = await RawClient("listener", hear).connect(broker.host, broker.port, ["a/+"])
        sender = await RawClient("sender").connect(broker.host, broker.port)
        sent = [b"%d" % number * 60 for number in range(2_000)]
        await sender.publish_all(frames([(b"a/b", payload) for payload in sent]))
        await complete.wait()
        listener.close()
        sender.close()
    assert heard == sent


async def test_the_crowd_offers_what_the_protocol_takes() -> None:
    heard: list[tuple[bytes, bytes]] = []
    arrived = asyncio.Event()

    def hear(topic: bytes, payload: bytes) -> None:
        heard.append((topic, payload))
        arrived.set()

    async with private_broker() as broker, asyncio.timeout(30):
        crowd = await Crowd(["ra-1"], own_pct=50).connect(broker.host, broker.port)
        parent = await RawClient("ra-1", hear).connect(broker.host, broker.port, ["dr/offer/ra-1/+"])
        parent.publish(b"dr/request/ra-1/hems-000001", encode(asked(1)))
        await arrived.wait()
        crowd.close()
        parent.close()
    _, offer = decode(heard[0][0].decode(), heard[0][1])
    assert isinstance(offer, Offer)
    assert offer.power_w == (1_500,) * 4

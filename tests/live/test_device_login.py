"""The example of a maker's device comes in by what its bundle holds, certificate or password, over either MQTT."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import paths
import pytest
from foreign_clients import program, python
from hardened import HOST, hardened_files, running

from agents.tools.access.bundle import write_bundle
from agents.tools.access.certificates import utc_now
from broker.bus import Arrival, Post
from broker.mqtt import MqttBus
from protocol import messages as m
from protocol.codec import decode, encode
from protocol.units import Direction

DEVICE = paths.EXAMPLES / "device_paho.py"
NAME = "hems-42"


def request() -> Post:
    now = datetime.now(UTC).replace(microsecond=0)
    message = m.Request(
        message_id="ra-1.request.e", sent_at=now, event_id="e", request_id="e.1", round=1, revision=1, program_id="dr",
        direction=Direction.DECREASE_LOAD, interval_period=m.IntervalPeriod(start=now + timedelta(hours=2)),
        power_w=(1000,), reply_by=now + timedelta(minutes=10), decide_by=now + timedelta(hours=1),
    )  # fmt: skip
    return Post(f"dr/request/ra-1/{NAME}", encode(message), retain=True)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("by", ["certificate", "password"])
async def test_plain_paho_device_comes_in_by_what_its_bundle_holds(tmp_path: Path, by: str, version: str) -> None:
    book = tmp_path / "ra-1.toml"
    book.write_text(f'[aggregator]\nname = "ra-1"\nparent = "ac"\nmembers = [{{ name = "{NAME}" }}]\n')
    hardened = hardened_files(tmp_path, book)
    plan, bundle = hardened.files.plan, tmp_path / "bundle"
    password = hardened.files.passwords.give(NAME)
    hardened.files.passwords.save()
    pair = hardened.authority.client(NAME, utc_now())
    write_bundle(bundle, [HOST], plan.port, hardened.authority.certificate_pem, pair=pair, login=(NAME, password))
    hardened.bundle("ra-1")
    secrets = {
        "certificate": ("--port", plan.port, "--certificate", bundle / "party.crt", "--key", bundle / "party.key"),
        "password": ("--port", plan.password_port, "--user", NAME, "--password-file", bundle / "password"),
    }[by]
    options = (DEVICE, "--host", HOST, "--ca", bundle / "ca.crt", "--name", NAME, "--mqtt", version, *secrets)
    heard: asyncio.Queue[Arrival] = asyncio.Queue()

    async def hear(arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            arrival.acknowledge()
            heard.put_nowait(arrival)

    async with running(hardened), program(*python(*map(str, options))), asyncio.timeout(30):
        ra = MqttBus(hardened.address("ra-1"), "ra-1", ("dr/offer/ra-1/+",))
        listening = asyncio.create_task(ra.run(hear))
        await ra.publish(request())
        arrival = await heard.get()
        _, offer = decode(arrival.topic, arrival.payload)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert isinstance(offer, m.Offer)
    assert offer.power_w == (1000,)

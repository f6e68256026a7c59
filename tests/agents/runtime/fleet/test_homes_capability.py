"""A fleet's homes tell what they could probably give as single ones do, each in its time and on its edge."""

import asyncio
from datetime import UTC, datetime

from memory_bus import MemoryBus
from worlds import T0, battery, vehicle

from agents.parties.der.actor import Der
from agents.runtime.fleet.gateway import Gateway
from agents.runtime.fleet.homes import Homes
from agents.settings.parties import DerSettings
from broker.clock import Clock
from protocol.codec import decode

TELLING = DerSettings(name="h-1", parent="ra-1", devices=(vehicle("ev-1"), battery("bat-1")), capability_every_s=600)
QUIET = DerSettings(name="h-2", parent="ra-1", devices=(vehicle("ev-2"),))


def test_home_of_a_fleet_tells_what_a_single_one_tells() -> None:
    homes = Homes([TELLING, QUIET])
    list(homes.begin(T0))
    assert homes.foretellers() == ["h-1"]
    assert homes.capability("h-1", T0) == Der(TELLING).capability({}, T0)
    assert homes.capability("h-2", T0) is None


async def test_gateway_publishes_it_retained_and_expiring() -> None:
    bus = MemoryBus()
    gateway = Gateway(Homes([TELLING, QUIET]), {"h-1": bus, "h-2": bus}, Clock(T0, datetime.now(UTC), speed=0.001))
    async with asyncio.timeout(10):
        running = asyncio.create_task(gateway.run())
        post = await bus.posts.get()
        running.cancel()
    assert (post.topic, post.retain) == ("dr/capability/ra-1/h-1", True)
    assert post.expires_in_s is not None
    _, message = decode(post.topic, post.payload)
    assert message.message_id.startswith("h-1.capability.")

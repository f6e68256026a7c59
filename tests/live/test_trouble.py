"""Delivery under trouble on a real Mosquitto: a fifth of the homes drops out in mid-event, over a wire that loses messages."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from live_system import LiveSystem
from worlds import START, T0, World

from agents.drivers.build import build_drivers
from agents.runtime.behaviour import Intercept
from broker.bus import Post
from broker.mosquitto import Broker
from protocol.actor import Decided, Note

LOSS_PCT, HOMES = 5, 20
SPEED = 900.0


def losing(seed: int) -> Intercept:
    """A way out on which one message of twenty is lost."""
    random = Random(seed)

    def way(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
        return [] if random.random() * 100 < LOSS_PCT else [(post, timedelta())]

    return way


def evening() -> World:
    """Twenty cars of 6 kW under two aggregators, asked for half of what they can give."""
    world = World()
    for name in ("ra-1", "ra-2"):
        world.simple(name, HOMES // 2, scale_w=30_000)
    world.aggregators = [
        one.model_copy(
            update={
                "members": tuple(replace(member, reliability_pct=50, answers_dispatch=True) for member in one.members)
            }
        )
        for one in world.aggregators
    ]
    world.event(60_000, 60_000, 60_000)
    return world


def flowed_wh(system: LiveSystem, world: World) -> int:
    """What the homes gave, against the same devices left to themselves, Wh."""
    total, end = 0, START + timedelta(minutes=90)
    for home in world.homes:
        alone = build_drivers(home)
        for name, driver in system.shells[home.name].stepper.drivers.items():
            total += alone[name].measure(START, end).energy_wh or 0
            total -= driver.measure(START, end).energy_wh or 0
    return total


async def test_fifth_of_the_homes_that_drops_out_is_made_up_for_and_told(broker: Broker) -> None:
    world = evening()
    built = world.build()
    built.run(until=T0)
    settings = [node.actor.settings for node in built.nodes.values()]  # type: ignore[attr-defined]
    system = LiveSystem(broker, T0, SPEED)
    dropping = [f"ra-{1 + n % 2}-h{n // 2}" for n in range(HOMES // 5)]

    async def drop_out() -> None:
        for slot, name in enumerate(dropping):
            await system.until(
                lambda who, note, at=slot % 3: note.name == "slot_metered" and int(str(note.data["slot"])) >= at - 1
            )
            await system.shells[name].give(Decided("e1", False))

    def over(who: str, note: Note) -> bool:
        return who == "utility" and note.name == "settled"

    started: list[asyncio.Task[None]] = []
    ways = {one.name: losing(place) for place, one in enumerate(settings)}
    await system.run(settings, over, ways, beside=lambda: started.append(asyncio.create_task(drop_out())))
    (dropped,) = started
    assert dropped.done()
    (account,) = [note.data for _, who, note in system.notes if over(who, note)][-1:]
    stated = [note.data["power_w"] for _, _, note in system.notes if note.name == "taking_back"]
    given_wh = flowed_wh(system, world)
    assert stated  # cars that had given something said what they would take back
    assert given_wh >= 0.95 * 90_000
    assert account["delivered_wh"] == pytest.approx(given_wh, rel=0.01)

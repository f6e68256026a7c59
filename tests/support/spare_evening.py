"""An evening of cars that could give twice what is asked: over two or three tiers, in either direction."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from worlds import World, battery, vehicle

from agents.drivers.build import build_drivers
from agents.settings.members import Member
from broker.simulation import Simulation
from protocol.units import Direction

LOW = {"soc_wh": 10_000, "departure_soc_wh": 10_000}
"""Of a car that has room, and nothing to charge by itself."""


def evening(
    tiers: int = 2,
    direction: Direction = Direction.DECREASE_LOAD,
    pct: int = 50,
    storage: bool = False,
    answers_dispatch: bool = False,
) -> World:
    """Eight cars of 6 kW under two aggregators, asked for 18 kW in two slots; where `pct` is 50 they offer twice as much."""
    world = World()
    less = direction is Direction.DECREASE_LOAD
    own: dict[str, Any] = {"storage": (battery("st-1"),)} if storage else {}
    for name in ("ra-1", "ra-2"):
        homes = [world.home(f"{name}-h{n}", name, vehicle(f"{name}-ev{n}", **({} if less else LOW))) for n in range(4)]
        above = {"scale_w": 9_000} if tiers == 2 else {"parent": "ra-up"}
        world.aggregator(name, homes, **above, **own)  # type: ignore[arg-type]
        own = {}
    world.aggregators = [
        one.model_copy(
            update={
                "members": tuple(
                    replace(member, reliability_pct=pct, answers_dispatch=answers_dispatch) for member in one.members
                )
            }
        )
        for one in world.aggregators
    ]
    if tiers == 3:
        below = [
            Member(name=name, kind="aggregator", increase_load_w=24_000, decrease_load_w=24_000)
            for name in ("ra-1", "ra-2")
        ]
        world.aggregator("ra-up", members=below, scale_w=18_000)
        world.aggregators.insert(0, world.aggregators.pop())
    world.event(18_000, 18_000, direction=direction)
    return world


def flowed_wh(simulation: Simulation, world: World) -> int:
    """What really changed, Wh in the event's direction: against the same devices left to themselves."""
    event, total = world.events[0], 0
    end = event.start + timedelta(seconds=event.slot_s) * len(event.power_w)
    for settings in (*world.homes, *world.aggregators):
        alone = build_drivers(settings)
        for name, driver in simulation.nodes[settings.name].stepper.drivers.items():
            total += driver.measure(event.start, end).energy_wh or 0
            total -= alone[name].measure(event.start, end).energy_wh or 0
    return event.direction.sign * total

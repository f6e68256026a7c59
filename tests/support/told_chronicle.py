"""What the pages are fed with from a small world: the entries of its parents, until an instant."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from worlds import World

from agents.pages.chronicle import Chronicle
from agents.settings.members import Member
from agents.settings.parties import CoordinatorSettings, UtilitySettings


def mute(sender: str, post: Any) -> list[Any]:
    """Its meter is not heard."""
    return [] if post.topic.startswith("dr/report/") else [(post, timedelta())]


def told(world: World, until: datetime, orders: Sequence[tuple[datetime, str, Any]] = ()) -> Chronicle:
    """What the journals of parents tell until an instant; `orders`: what who is given when."""
    simulation = world.build(keep_trace=True)
    for at, who, what in orders:
        simulation.give(at, who, what)
    simulation.run()
    homes = {home.name for home in world.homes}
    chronicle = Chronicle()
    chronicle.know(
        [
            UtilitySettings(children=("ac",)),
            CoordinatorSettings(name="ac", members=(Member(name="ra-1", kind="aggregator"),)),
            *world.aggregators,
        ]
    )
    chronicle.take_all(one for one in simulation.trace if one.at <= until and one.actor not in homes)
    return chronicle

"""Aggregators below one over several rounds: whichever of their answers is awarded in the end, it is given."""

from datetime import timedelta
from typing import Any

import pytest
from checker import violations
from worlds import LOOSENS, START, Story, World, vehicle

from agents.parties.aggregator.actor import Aggregator
from agents.parties.memory import memory_of, remember
from agents.settings.members import Member
from agents.settings.parties import PATENT_LADDER, Rung
from protocol import messages as m

PLAN = (Rung.PLAN, *PATENT_LADDER)
SLOTS = 8
LEAVES, STAYS, COMES = {"departs_at": START + timedelta(hours=2)}, {}, {"plugs_in_at": START + timedelta(hours=2)}
CAR = {
    "soc_wh": 26_000, "departure_soc_wh": 20_000, "reserve_wh": 20_000, "max_charge_w": 3_000, "max_discharge_w": 3_000,
}  # fmt: skip
"""6 kWh above its reserve, 3 kW."""
AGREED = {"relaxations": LOOSENS["relaxations"], "soc_wh": 24_000, "departure_soc_wh": 22_000}
FLEETS: dict[str, tuple[dict[str, dict[str, Any]], ...]] = {
    "some leave or come": ({"l": LEAVES, "c": COMES}, {"s": STAYS}),
    "owners who agreed": ({"l": LEAVES | AGREED, "s": AGREED}, {"s": AGREED}),
    "all kinds": ({"l": LEAVES | AGREED, "c": COMES | AGREED}, {"s": AGREED, "c": COMES}),
    "nobody in the first half": ({"c": COMES}, {"l": LEAVES | AGREED, "s": AGREED}),
}


def tree(kinds: str, asked_w: int) -> World:
    """An upper aggregator that asks two lower ones for profiles, and is itself asked up to three times."""
    world = World(coordinator={"max_rerequests": 2, "accept_share_pct": 100}, utility={"accept_share_pct": 1})
    names = ("low-1", "low-2")
    for name, fleet in zip(names, FLEETS[kinds], strict=True):
        homes = [
            world.home(f"{name}-{kind}{n}", name, vehicle(f"ev-{name}-{kind}{n}", **CAR | changes))
            for kind, changes in fleet.items()
            for n in range(2)
        ]
        world.aggregator(name, homes, parent="ra-1", ladder=PLAN, over_request=False)
    low = [
        Member(name=name, kind="aggregator", increase_load_w=24_000, decrease_load_w=24_000, profiles=True)
        for name in names
    ]
    world.aggregator("ra-1", members=low, scale_w=48_000, ladder=PLAN, over_request=False)
    world.event(*[asked_w] * SLOTS)
    return world


def rounds(story: Story, child: str) -> int:
    return max(one.round for one in story.to("request", "ra-1", child) if isinstance(one, m.Request))


@pytest.mark.parametrize(
    ("kinds", "asked_w"),
    [
        ("all kinds", 9_000),
        ("all kinds", 12_000),
        ("nobody in the first half", 12_000),
        ("owners who agreed", 16_000),
        ("some leave or come", 22_000),
        ("all kinds", 22_000),
    ],
)
def test_answer_of_an_earlier_round_that_is_awarded_is_given(kinds: str, asked_w: int) -> None:
    story = tree(kinds, asked_w).run()
    assert max(rounds(story, name) for name in ("low-1", "low-2")) > 2
    assert story.notes("award_refused") == []
    assert violations(story.simulation.trace) == []
    awarded_wh, delivered_wh = story.settled_wh()
    assert delivered_wh == pytest.approx(awarded_wh, abs=SLOTS * 8)


def test_what_was_told_in_earlier_rounds_is_remembered() -> None:
    world = tree("all kinds", 12_000)
    simulation = world.build()
    simulation.run(until=START)
    settings = next(one for one in world.aggregators if one.name == "low-1")
    actor, fresh = simulation.actor("low-1"), Aggregator(settings)
    assert isinstance(actor, Aggregator)
    event = next(iter(actor.events.values()))
    assert any(len(child.promised) > 1 for child in event.children.asked())
    assert event.up is not None
    assert event.up.earlier_most
    remember(fresh, memory_of(actor))
    assert memory_of(fresh) == memory_of(actor)

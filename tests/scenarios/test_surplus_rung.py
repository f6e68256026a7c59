"""The rung `surplus`: an aggregator asks its own members who could give more before it touches storage or relaxation."""

import tomllib
from dataclasses import replace

import pytest
from checker import violations
from worlds import LOOSENS, World, battery, dropping, silent

from agents.runtime.files.scenario import build_scenario
from agents.settings.parties import PATENT_LADDER, AggregatorSettings, Rung
from agents.tools.run.simulate import build_simulation
from protocol import messages as m

SURPLUS = (Rung.SURPLUS, *PATENT_LADDER)

LEAVING = """
[scenario]
name = "leaving"
start_at = 2026-01-14T15:00:00Z
ends_at = 2026-01-14T22:30:00Z
[[utility.events]]
event_id = "e1"
issue_at = 2026-01-14T15:05:00Z
direction = "decrease_load"
start = 2026-01-14T18:00:00Z
power_w = [28000, 28000, 28000, 28000, 28000, 28000, 28000, 28000]
[coordinator]
[[aggregators]]
name = "ra-1"
[[homes]]
name = "leaver{n}"
parent = "ra-1"
count = 10
[[homes.devices]]
kind = "vehicle"
resource_id = "l{n}"
capacity_wh = 40000
soc_wh = 26000
departure_soc_wh = 20000
reserve_wh = 20000
max_charge_w = 3000
max_discharge_w = 3000
departs_at = 2026-01-14T20:00:00Z
[[homes]]
name = "stayer{n}"
parent = "ra-1"
count = 10
[[homes.devices]]
kind = "vehicle"
resource_id = "s{n}"
capacity_wh = 40000
soc_wh = 26000
departure_soc_wh = 20000
reserve_wh = 20000
max_charge_w = 3000
max_discharge_w = 3000
departs_at = 2026-01-15T07:00:00Z
"""
"""20 cars with 6 kWh each above their reserve; ten leave after two of the four hours."""


def one_silent(ladder: tuple[Rung, ...] = SURPLUS, **settings: object) -> World:
    """Three homes of 6 kW are asked for 4 kW each; one of them says nothing, the others could give 6."""
    world = World(coordinator={"max_rerequests": 0})
    world.simple("ra-1", 3, ladder=ladder, over_request=False, **settings)  # type: ignore[arg-type]
    world.event(12_000)
    world.intercepts["ra-1-h2"] = silent
    return world


def test_surplus_comes_first_where_no_ladder_is_named() -> None:
    assert AggregatorSettings(name="ra", parent="ac").ladder == SURPLUS


def test_members_who_could_give_more_are_asked_before_storage_and_relaxation() -> None:
    world = one_silent(storage=(battery("bat"),), vehicle_changes={"relaxations": LOOSENS["relaxations"]})
    story = world.run()
    asked = story.note("surplus_asked", "ra-1")
    assert (asked.data["shortfall_w"], asked.data["power_w"], asked.data["asked"]) == ((4_000,), (12_000,), 2)
    assert story.note("surplus_summed", "ra-1").data["enough"] is True
    assert story.notes("own_storage_added") == story.notes("relax_asked") == []
    assert story.settled_wh() == (6_000, 6_000)
    assert violations(story.simulation.trace) == []


def test_ladder_of_the_patent_asks_nobody_for_more() -> None:
    story = one_silent(PATENT_LADDER, storage=(battery("bat"),)).run()
    assert story.notes("surplus_asked") == []
    assert story.note("own_storage_added", "ra-1").data["storage_w"] == (4_000,)


def test_what_was_offered_stands_when_the_answer_to_the_surplus_is_lost() -> None:
    world = one_silent(storage=(battery("bat"),))
    world.intercepts["ra-1-h0"] = dropping("offer", "e1.1.2")
    story = world.run()
    summed = story.note("surplus_summed", "ra-1").data
    assert (summed["available_w"], summed["silent"]) == ((10_000,), 1)
    assert story.note("own_storage_added", "ra-1").data["storage_w"] == (2_000,)
    accepted = {award.accepts for award in story.sent("award", "ra-1") if isinstance(award, m.Award) and award.accepts}
    assert accepted == {"ra-1-h0.offer.own.e1.1.1", "ra-1-h1.offer.own.e1.1.2"}
    assert story.settled_wh() == (6_000, 6_000)
    assert violations(story.simulation.trace) == []


def test_surplus_may_stand_behind_the_storage() -> None:
    ladder = (Rung.OWN_STORAGE, Rung.SURPLUS)
    story = one_silent(ladder, storage=(battery("bat", 3_000),)).run()
    assert story.note("own_storage_added", "ra-1").data["storage_w"] == (3_000,)
    assert story.note("surplus_asked", "ra-1").data["shortfall_w"] == (1_000,)
    assert story.settled_wh() == (6_000, 6_000)
    assert violations(story.simulation.trace) == []


def test_surplus_leaves_relaxation_its_time() -> None:
    world = one_silent((Rung.SURPLUS, Rung.RELAX), vehicle_changes=LOOSENS)
    world.intercepts["ra-1-h0"] = dropping("offer", "e1.1.2")
    story = world.run()
    request = next(r for r in story.to("request", "ac", "ra-1") if isinstance(r, m.Request))
    for note in (*story.notes("surplus_asked"), *story.notes("relax_asked")):
        assert note.data["reply_by"] <= request.reply_by  # type: ignore[operator]
    assert story.notes("relax_asked")


@pytest.mark.parametrize(("ladder", "deal_w"), [(SURPLUS, (28_000,) * 8), (PATENT_LADDER, None)])
def test_who_leaves_early_gives_first_and_the_request_is_met_in_every_slot(
    ladder: tuple[Rung, ...], deal_w: tuple[int, ...] | None
) -> None:
    scenario = build_scenario(tomllib.loads(LEAVING), "leaving.toml")
    aggregators = tuple(one.model_copy(update={"ladder": ladder}) for one in scenario.aggregators)
    simulation = build_simulation(replace(scenario, aggregators=aggregators), 1)
    simulation.run(until=scenario.ends_at)
    told = {note.name: note for _, actor, note in simulation.notes if actor == "utility"}
    assert (told["event_awarded"].data["power_w"] if "event_awarded" in told else None) == deal_w
    if deal_w is not None:
        assert told["settled"].data["delivered_wh"] == told["settled"].data["awarded_wh"] == 112_000
    assert violations(simulation.trace) == []

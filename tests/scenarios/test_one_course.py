"""One device, one course: what several events, slots of any length and cars that come and go make of a device's power.

Each file beside this one (`one_course/`) was played wrongly by the first release."""

from dataclasses import replace
from datetime import timedelta

import pytest
from played import CASES, Played, at, play
from worlds import START, T0, Story, World, battery, vehicle

from agents.history.fold import History
from protocol.actor import Cancel
from protocol.units import Direction


def case(name: str) -> Played:
    return play(CASES / f"{name}.toml")


def test_slots_of_0_w_leave_a_vehicle_to_its_own_schedule() -> None:
    played = case("b2b")
    assert played.told("ev") == [("18:00", "18:30", 0), ("20:00", "20:30", -2_707)]
    assert played.left_with_wh("ev") == pytest.approx(28_550, abs=2)
    assert (played.delivered_wh("e0", "ra-1"), played.slots_wh("e0", "ra-1")) == (3_000, [3_000, 0, 0, 0])


def test_vehicle_that_arrives_within_a_slot_tells_nothing_that_was_not_asked() -> None:
    played = case("arrive")
    assert played.told("ev") == [("18:30", "19:00", 3_000)]
    assert played.flowed_wh("ev", at("2026-01-14T18:00Z"), at("2026-01-14T18:30Z")) == 1_500
    assert played.slots_wh("e", "utility") == [0, 1_500]
    assert played.delivered_wh("e", "ra-1") == 1_500


def test_vehicle_beside_a_battery_that_delivers_is_left_alone() -> None:
    played = case("midslot")
    assert played.setpoints("ev") == []
    assert played.delivered_wh("e", "ra-1") == 1_000
    assert played.flowed_wh("bat", at("2026-01-14T18:00Z"), at("2026-01-14T18:30Z")) == 1_000
    assert played.flowed_wh("ev", at("2026-01-14T18:15Z"), at("2026-01-14T19:30Z")) == 7_500


def test_own_storage_follows_the_sum_of_events_that_do_not_align() -> None:
    played = case("overlap_storage")
    by_event = {event_id: played.delivered_wh(event_id, "ra-1") for event_id in ("A", "B")}
    assert by_event == {"A": 2_000, "B": 2_000}
    given = -played.flowed_wh("ra-1-storage", at("2026-07-14T13:00Z"), at("2026-07-14T14:20Z"))
    assert given - played.flowed_wh("bat-1", at("2026-07-14T13:00Z"), at("2026-07-14T14:20Z")) == pytest.approx(
        4_000, abs=1
    )
    assert played.told("ra-1-storage") == [
        ("13:00", "13:30", -1_500), ("13:30", "13:50", -1_500), ("13:50", "14:00", -5_167), ("14:00", "14:20", -3_667),
    ]  # fmt: skip
    assert played.told("bat-1")[-1] == ("14:00", "14:20", -500)


@pytest.mark.parametrize(("name", "event_wh"), [("minute_down", 500), ("minute_up", 500), ("quarter_down", 37_875)])
def test_energy_of_many_small_loads_in_short_slots_adds_up(name: str, event_wh: int) -> None:
    played = case(name)
    homes = 100
    assert played.delivered_wh("e1", "ra-1") == pytest.approx(event_wh, abs=homes / 2)
    (note,) = played.story.notes("delivered", "ra-1")
    assert note.data["awarded_wh"] == event_wh


@pytest.mark.parametrize(("name", "event_wh"), [("minute_down", 500), ("minute_up", 500), ("quarter_down", 37_875)])
def test_what_is_shown_of_short_slots_adds_up(name: str, event_wh: int) -> None:
    played = case(name)
    event = History.of(played.simulation.trace).event("e1")
    assert {who: event.parties[who].awarded_wh for who in ("utility", "ac", "ra-1")} == dict.fromkeys(
        ("utility", "ac", "ra-1"), event_wh
    )
    assert event.parties["ac"].children["ra-1"].due_wh(range(15)) == event_wh


def test_forecast_counts_by_its_mean_over_a_slot_of_any_length() -> None:
    played = case("solar_hour")
    assert played.story.note("awards_sent", "ra-1").data["power_w"] == (2_000, 2_000)
    assert played.told("pv") == [
        ("01:00", "01:30", -4_000), ("01:30", "02:00", 0), ("02:00", "02:30", -4_000), ("02:30", "03:00", 0),
    ]  # fmt: skip
    assert played.slots_wh("e1", "ra-1") == [2_000, 2_000]


def overlapping(world: World) -> Played:
    """2 kW from 18:00 to 19:30 and 2 kW from 18:30 to 19:30; the first is cancelled at 18:40."""
    world.event(2_000, 2_000, 2_000, event_id="first")
    world.event(
        2_000, 2_000, event_id="second", issue_at=T0 + timedelta(minutes=10), start=START + timedelta(minutes=30)
    )
    simulation = world.build()
    simulation.give(START + timedelta(minutes=40), "utility", Cancel("first"))
    simulation.run()
    return Played(simulation)


def test_battery_goes_on_with_one_event_when_the_other_is_cancelled() -> None:
    world = World()
    world.aggregator("ra-1", [world.home("h", "ra-1", battery("bat", 5_000))])
    played = overlapping(world)
    assert played.delivered_wh("second", "ra-1") == 2_000
    assert [power_w for _, _, power_w in played.told("bat")] == [-2_000, -4_000, -2_000, -2_000]
    assert played.flowed_wh("bat", START + timedelta(minutes=41), START + timedelta(minutes=90)) == pytest.approx(
        -2_000 * 49 / 60, abs=1
    )


def test_own_storage_goes_on_with_one_event_when_the_other_is_cancelled() -> None:
    world = World()
    world.aggregator("ra-1", scale_w=10_000, storage=(battery("own", 5_000),))
    played = overlapping(world)
    assert played.delivered_wh("second", "ra-1") == 2_000
    assert [power_w for _, _, power_w in played.told("own")] == [-2_000, -4_000, -2_000, -2_000]


@pytest.mark.parametrize("minutes", [0, 30, 60, 10])
def test_vehicle_with_two_events_at_once_has_one_set_point_within_its_limits(minutes: int) -> None:
    world = World()
    world.aggregator("ra-1", [world.home("h", "ra-1", vehicle("ev"))], capacity_w=12_000)
    world.utility["accept_share_pct"] = world.coordinator["accept_share_pct"] = 0
    world.event(6_000, 0, 0, event_id="first")
    start = START + timedelta(minutes=minutes)
    world.event(12_000, 12_000, event_id="second", issue_at=T0 + timedelta(minutes=10), start=start)
    played = Played(world.run().simulation)
    assert all(abs(one.power_w or 0) <= 6_000 for one in played.setpoints())
    for event_id in ("first", "second"):
        (note,) = [n for n in played.story.notes("delivered", "ra-1") if n.event_id == event_id]
        assert note.data["delivered_wh"] == pytest.approx(note.data["awarded_wh"], abs=2)
    assert played.left_with_wh("ev") == pytest.approx(30_000, abs=2)


def never_below_least(played: Played, least_w: int) -> bool:
    told = [one.power_w for one in played.setpoints() if one.resource_id.startswith("ev")]
    return all(power_w is None or power_w == 0 or abs(power_w) >= least_w for power_w in told)


def test_as_many_chargers_are_asked_as_can_run() -> None:
    played = case("least_power_fair")
    assert played.story.note("awards_sent", "ra-1").data["awarded"] == 3
    assert {one.power_w for one in played.setpoints()} == {1_666, 1_667}
    assert played.delivered_wh("e1", "ra-1") == 10_000


def test_no_set_point_lies_between_nothing_and_the_least_power() -> None:
    played = case("least_power_award")
    assert never_below_least(played, 1_380)
    assert played.delivered_wh("e1", "ra-1") == 5_000


@pytest.mark.parametrize("battery_w", [300, 1_000, 5_000])
@pytest.mark.parametrize("asked_w", [1_000, 1_500, 2_500, 4_000, 7_000])
@pytest.mark.parametrize("direction", Direction)
def test_home_whose_charger_cannot_run_at_its_rest_gives_it_otherwise_or_back(
    direction: Direction, asked_w: int, battery_w: int
) -> None:
    world = World(utility={"accept_share_pct": 0}, coordinator={"accept_share_pct": 0})
    homes = [
        world.home(
            f"h{i}", "ra-1", battery(f"b{i}", battery_w),
            vehicle(f"ev-{i}", soc_wh=20_000, departure_soc_wh=30_000, min_power_w=1_380, max_charge_w=3_680),
        )
        for i in range(2)
    ]  # fmt: skip
    world.aggregator("ra-1", homes, capacity_w=9_000)
    world.aggregators = [
        ra.model_copy(update={"members": tuple(replace(member, reliability_pct=50) for member in ra.members)})
        for ra in world.aggregators
    ]
    world.event(asked_w, asked_w, direction=direction)
    played = Played(world.run().simulation)
    assert never_below_least(played, 1_380)
    awarded_wh, delivered_wh = played.story.settled_wh()
    assert delivered_wh == pytest.approx(awarded_wh, abs=4)
    assert awarded_wh


@pytest.mark.parametrize("direction", Direction)
def test_no_set_point_is_below_the_least_power_when_the_contract_does_not_name_it(direction: Direction) -> None:
    """A parent without the contract's `least_w` cuts offers to any power; the home rounds what its charger cannot do."""
    world = World()
    cars = [vehicle(f"ev-{i}", soc_wh=15_000, departure_soc_wh=25_000, min_power_w=1_380) for i in range(5)]
    world.aggregator("ra-1", [world.home(f"h-{car.resource_id}", "ra-1", car) for car in cars])
    world.utility["accept_share_pct"] = world.coordinator["accept_share_pct"] = 0
    world.event(7_000, 3_000, 11_000, direction=direction)
    played = Played(world.run().simulation)
    assert played.setpoints()
    assert never_below_least(played, 1_380)


def test_own_storage_that_counts_on_an_event_that_is_cancelled_is_stated_at_once() -> None:
    world = World()
    home = world.home("h1", "ra-1", battery("own-h1", 1_000))
    empty = battery("own", 4_000, soc_wh=1_000, reserve_wh=1_000)
    world.aggregator("ra-1", [home], storage=(empty,))
    world.event(5_000, event_id="charge", direction=Direction.INCREASE_LOAD)
    later = START + timedelta(hours=1)
    world.event(4_000, event_id="give", issue_at=T0 + timedelta(minutes=10), start=later)
    simulation = world.build()
    cancelled_at = START - timedelta(minutes=10)
    simulation.give(cancelled_at, "utility", Cancel("charge"))
    simulation.run()
    story = Story(simulation, world)
    awards = story.notes("awards_sent", "ra-1")
    assert [(note.event_id, note.data["storage_w"]) for note in awards] == [("charge", (4_000,)), ("give", (3_000,))]
    told = [
        (moment, note) for moment, who, note in simulation.notes if (who, note.name) == ("utility", "shortfall_stated")
    ]
    ((moment, note),) = told
    assert moment - cancelled_at < timedelta(seconds=1)
    assert (note.event_id, note.data["shortfall_w"]) == ("give", (3_000,))
    assert story.settled_wh() == (500, 500)


@pytest.mark.parametrize("minutes", [-50, -40, -20, 0, 20])
def test_later_event_on_a_car_that_is_full_in_mid_slot_takes_nothing_of_the_earlier_one(minutes: int) -> None:
    """By itself it is full at 19:27, in the second slot of the first event; the second event begins somewhere around it."""
    world = World(utility={"accept_share_pct": 0}, coordinator={"accept_share_pct": 0})
    car = vehicle("ev", soc_wh=16_000, reserve_wh=4_000, departs_at=T0 + timedelta(hours=5))
    world.aggregator("ra-1", [world.home("h", "ra-1", car)], capacity_w=12_000)
    world.event(1_500, 1_500, event_id="first", direction=Direction.INCREASE_LOAD, slot_s=3_600)
    start = START + timedelta(minutes=120 + minutes)
    world.event(
        1_500, 1_500, event_id="second", direction=Direction.INCREASE_LOAD, slot_s=3_600, start=start,
        issue_at=T0 + timedelta(minutes=10),
    )  # fmt: skip
    played = Played(world.run().simulation)
    for note in played.story.notes("settled", "utility"):
        assert note.data["delivered_wh"] == pytest.approx(note.data["awarded_wh"], abs=5), note.event_id

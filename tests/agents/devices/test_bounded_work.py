"""What one odd but valid request may cost a device: of a week, of a month, of 336 slots. Counted, not timed."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from worlds import LOOSENS, START, T0, battery, room, vehicle

from agents.devices import climate, contract, load
from agents.devices.catalogue import build_device
from agents.devices.climate import MOST_WORK, Climate, RoomCourse
from agents.devices.contract import Ask, Segment
from agents.devices.relay import labels
from agents.devices.rows import answers
from agents.devices.storage import Storage
from agents.devices.vehicle import Vehicle
from agents.parties.der.home import Home
from agents.settings.connection import ConnectionPoint
from agents.settings.devices import LoadSpec, SolarSpec, StorageSpec
from protocol.messages import IntervalPeriod, WantedProfile, WantedProfiles
from protocol.units import Direction

MONTH = IntervalPeriod(start=START, duration=timedelta(days=1))
WEEK = IntervalPeriod(start=START, duration=timedelta(minutes=30))
STAYS = {"departs_at": T0 + timedelta(days=30)}
WEEKLY = tuple(10**11 if slot % 2 else 3_000 for slot in range(336))


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """How often a car's profile is made, and the labels of its relay are taken a slot on."""
    counted = {"profiles": 0, "slots": 0}

    def counting(name: str, of: Any, key: str) -> None:
        whole = getattr(of, name)

        def count(*given: Any) -> Any:
            counted[key] += 1
            return whole(*given)

        monkeypatch.setattr(of, name, count)

    counting("raise_all", answers, "profiles")
    counting("_step", labels, "slots")
    yield counted
    monkeypatch.undo()


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize(("period", "slots"), [(MONTH, 31), (WEEK, 336)])
def test_room_gives_what_was_found_to_fit_until_its_work_was_done(
    direction: Direction, period: IntervalPeriod, slots: int
) -> None:
    outdoor_c = tuple((hour * 7) % 11 for hour in range(48))
    device = Climate(room("r", outdoor_c=outdoor_c, outdoor_repeats=True))
    ask = Ask(direction, period, tuple(10**11 if slot % 2 else 0 for slot in range(slots)))
    given = device.flexibility(ask)
    assert device._last[1][0.0].work < 3 * MOST_WORK
    assert any(given.power_w)
    assert RoomCourse(device.room, ask, 0.0).broken_at(given.power_w) is None


HELD = tuple(Segment(START + timedelta(hours=h), START + timedelta(hours=h + 1), h % 3 * 200 - 200) for h in range(9))


def course_of(direction: Direction, looser_k: float = 0.0) -> RoomCourse:
    """Of a day in half hours, beside other events."""
    outdoor_c = tuple((hour * 7) % 11 for hour in range(48))
    device = Climate(room("r", outdoor_c=outdoor_c, outdoor_repeats=True))
    return RoomCourse(device.room, Ask(direction, WEEK, (10**11,) * 48, HELD), looser_k)


@pytest.mark.parametrize("direction", list(Direction))
def test_course_with_looser_limits_is_that_of_a_room_with_them(direction: Direction) -> None:
    known, fresh = course_of(direction).held_to(1.0), course_of(direction, 1.0)
    asked = [900 if slot % 5 else 0 for slot in range(48)]
    assert known.raised([0] * 48, asked) == fresh.raised([0] * 48, asked)
    assert known.schedule_w == fresh.schedule_w


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("slot", [1, 7, 20, 47])
def test_course_that_is_settled_up_to_a_slot_breaks_where_the_whole_one_does(direction: Direction, slot: int) -> None:
    whole, settled = course_of(direction), course_of(direction)
    settled.settle([20.0] * 48, slot)
    for power_w in (0, 20, 100, 400, 900, 3_000):
        asked, before = [20.0] * slot + [float(power_w)] * (48 - slot), (whole.work, settled.work)
        assert settled.broken_at(asked) == whole.broken_at(asked)
        assert settled.work - before[1] == whole.work - before[0]


def test_home_behind_a_connection_point_looks_once_for_what_a_room_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, plain = [0], climate._raised

    def counting(*given: Any) -> list[int]:
        looked[0] += 1
        return plain(*given)

    monkeypatch.setattr(climate, "_raised", counting)
    specs = (battery("b"), vehicle("v", **LOOSENS), SUN, TANK, room("r"))
    point = ConnectionPoint(import_limit_w=6_000, export_limit_w=3_000, base_load_w=(500,))
    home = Home([build_device(spec) for spec in specs], connection=point)
    home.flexibility(Direction.INCREASE_LOAD, MONTH, (10**11,) * 31, {})
    assert looked[0] == 2  # what is asked, and what it could give at most


def test_charger_gives_up_slots_by_halves_where_there_are_many(steps: dict[str, int]) -> None:
    device = Vehicle(vehicle("v", min_power_w=1_400, **LOOSENS, **STAYS))
    given = device.flexibility(Ask(Direction.DECREASE_LOAD, WEEK, WEEKLY))
    assert steps["profiles"] < 40
    assert any(given.power_w)
    assert all(
        power == 0 or abs(base - power) >= 1_400 or power == base
        for power, base in zip(given.power_w, given.schedule_w, strict=True)
    )


def test_relay_is_closed_in_one_stretch_where_there_are_many_slots(steps: dict[str, int]) -> None:
    car = vehicle("v", relay_ops_left=20, standby_w=50, soc_wh=20_000, **LOOSENS, **STAYS)
    given = Vehicle(car).flexibility(Ask(Direction.DECREASE_LOAD, WEEK, WEEKLY))
    assert steps["slots"] <= 2 * 336  # only as if stand-by cost nothing
    assert any(given.power_w)


def test_work_space_of_a_relay_beside_other_events_is_small() -> None:
    """336 operations, by 337 slots with draw, by 336 slots: 76 million places of a list."""
    space = labels.work_space(336, 2, 336)
    assert len(space.origin) + len(space.labels) < 500_000


def test_home_tells_no_other_profiles_for_very_many_slots() -> None:
    home = Home((Storage(battery("b")),))

    def told(slots: int, period: IntervalPeriod) -> bool:
        wanted = WantedProfiles(shapes=(WantedProfile(even=False, weights=(1,) * slots),))
        return home.profiles(Direction.DECREASE_LOAD, period, {}, wanted) is not None

    assert [told(96, WEEK), told(97, WEEK), told(7, MONTH), told(8, MONTH)] == [True, False, True, False]


SUN = SolarSpec(kind="solar", resource_id="s", forecast_w=(2_000,) * 48, forecast_at=T0, export_limit_w=1_000)
TANK = LoadSpec(
    kind="load", resource_id="t", rated_w=2_000, schedule_w=500, store_wh=4_000, level_wh=2_000, state_at=T0
)


@pytest.mark.parametrize("spec", [battery("b"), TANK, SUN], ids=lambda spec: spec.kind)
def test_what_another_long_event_holds_is_looked_at_slot_by_slot(
    spec: StorageSpec | LoadSpec | SolarSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both of 336 slots: what each slot asks was once compared with all that is held."""
    held = tuple(Segment(WEEK.slot_start(slot), WEEK.slot_start(slot + 1), slot % 3 * 100) for slot in range(336))
    looked, plain = [0], contract.overlap_s

    def counting(*given: Any) -> float:
        looked[0] += 1
        return plain(*given)

    for module in (contract, load):
        monkeypatch.setattr(module, "overlap_s", counting)
    given = build_device(spec).flexibility(Ask(Direction.DECREASE_LOAD, WEEK, WEEKLY, held))
    assert looked[0] < 10 * 336
    assert len(given.power_w) == 336


def test_what_others_hold_is_found_in_each_slot_that_it_touches() -> None:
    """At the edges, across slots, beyond both ends and without any length."""
    minutes = [(-90, -30), (-30, 0), (0, 30), (15, 45), (30, 30), (45, 45), (60, 300), (-60, 500), (120, 150), (90, 91)]
    at = [(WEEK.start + timedelta(minutes=begins), WEEK.start + timedelta(minutes=ends)) for begins, ends in minutes]
    held = tuple(Segment(start, end, 100 * number) for number, (start, end) in enumerate(at))
    ask = Ask(Direction.INCREASE_LOAD, WEEK, (1,) * 4, held)
    for slot in range(4):
        start, end = WEEK.slot_start(slot), WEEK.slot_start(slot + 1)
        assert ask.within(slot) == [one for one in held if one.start < end and one.end > start]

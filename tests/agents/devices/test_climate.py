"""A room that is heated or cooled: what is offered is delivered, and nobody is colder or warmer than agreed."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.devices.catalogue import build_device
from agents.devices.climate import Climate, ClimateSpec, Room, stored_wh, temperature_c
from agents.devices.contract import Ask, Segment
from agents.drivers.build import build_driver
from agents.drivers.simulated import SimulatedDriver
from agents.drivers.state import driver_memory, remember_driver
from agents.settings.checked import ConfigError, checked
from agents.settings.parties import DerSettings
from protocol.actor import Measured
from protocol.messages import IntervalPeriod, ResourceKind, Restriction
from protocol.units import Direction

T0 = datetime(2026, 1, 14, 15, tzinfo=UTC)
DOWN, UP = Direction.DECREASE_LOAD, Direction.INCREASE_LOAD
HEATING: dict[str, Any] = {
    "kind": "climate", "resource_id": "pump", "mode": "heating", "rated_w": 3_000, "capacity_wh_per_k": 4_000,
    "loss_w_per_k": 200, "wished_c": 21, "least_c": 19.5, "most_c": 23, "room_c": 21, "state_at": T0,
    "outdoor_c": [0.0], "outdoor_at": T0,
}  # fmt: skip
COOLING = HEATING | {"mode": "cooling", "wished_c": 25, "least_c": 22, "most_c": 27, "room_c": 25, "outdoor_c": [35.0]}


def spec(given: dict[str, Any] = HEATING, **changes: Any) -> ClimateSpec:
    return checked(ClimateSpec, given | changes, "x")


def ask(direction: Direction, power_w: tuple[int, ...], start: datetime = T0, slot_s: int = 1800, **more: Any) -> Ask:
    return Ask(direction, IntervalPeriod(start=start, duration=timedelta(seconds=slot_s)), power_w, **more)


def follow(
    device: ClimateSpec, asked: Ask, answer: Any, held: tuple[Segment, ...] = ()
) -> tuple[SimulatedDriver, list[int]]:
    """The simulated device follows what was offered; the energy of each slot, Wh."""
    driver, energies = build_driver(device), []
    assert isinstance(driver, SimulatedDriver)
    for slot, power in enumerate(answer.power_w):
        start, end = asked.period.slot_start(slot), asked.period.slot_start(slot + 1)
        if power:
            driver.set_power(answer.schedule_w[slot] + asked.direction.sign * power, start, end)
        reading = driver.measure(start, end)
        assert reading.energy_wh is not None
        energies.append(reading.energy_wh)
    return driver, energies


def room_c(driver: SimulatedDriver) -> float:
    room: Room = driver.physics.room  # type: ignore[attr-defined]
    return temperature_c(room, driver.physics.energy_wh)


@pytest.mark.parametrize("hours", [0, 7, 19, 23.5])
@pytest.mark.parametrize("direction", [DOWN, UP])
def test_weather_of_a_day_that_repeats_is_every_day(hours: float, direction: Direction) -> None:
    day = [float(number % 48 // 4) for number in range(48)]
    now = T0 + timedelta(days=40, hours=hours)
    alike = spec(outdoor_c=day, outdoor_repeats=True, state_at=now)
    known = alike.model_copy(
        update={"outdoor_c": tuple(day * 3), "outdoor_at": T0 + timedelta(days=39), "outdoor_repeats": False}
    )
    asked = ask(direction, (2_000,) * 6, now + timedelta(minutes=10))
    answers = [build_device(one).flexibility(asked) for one in (alike, known)]
    assert answers[0] == answers[1]
    assert any(answers[0].power_w)
    energies = [follow(one, asked, answer)[1] for one, answer in zip((alike, known), answers, strict=True)]
    assert energies[0] == energies[1]


def test_own_schedule_makes_up_for_the_loss() -> None:
    answer = build_device(spec()).flexibility(ask(DOWN, (0, 0)))
    assert answer.schedule_w == (1_400, 1_400)  # 21 K times 200 W/K, at a coefficient of 3
    driver = build_driver(spec())
    assert driver.measure(T0, T0 + timedelta(hours=6)).energy_wh == 8_400


def test_short_event_takes_all_and_a_long_one_what_comfort_allows() -> None:
    device = build_device(spec())
    assert device.kind is ResourceKind.LOAD
    assert device.flexibility(ask(DOWN, (1_400, 1_400))).power_w == (1_400, 1_400)
    long = device.flexibility(ask(DOWN, (1_400,) * 12))
    assert long.binding == (Restriction.COMFORT,) * 12
    assert len(set(long.power_w)) == 1  # evenly
    assert 300 < long.power_w[0] < 500
    assert device.flexibility(ask(UP, (5_000,))).binding == (Restriction.POWER_LIMIT,)


def test_consent_loosens_comfort_by_the_mildest_step_that_suffices() -> None:
    device = build_device(spec(comfort_steps_k=[0.5, 1.0, 2.0]))
    asked = [ask(DOWN, (600,) * 12, relaxed=relaxed) for relaxed in ((), (Restriction.COMFORT,))]
    assert device.relaxable == (Restriction.COMFORT,)
    own, relaxed = (device.flexibility(one) for one in asked)
    assert sum(own.power_w) < sum(relaxed.power_w) == 7_200
    driver, _ = follow(spec(comfort_steps_k=[0.5, 1.0, 2.0]), asked[1], relaxed)
    assert 18.5 <= room_c(driver) < 19.0  # the second step, not the third
    assert build_device(spec()).flexibility(asked[1]).power_w == own.power_w  # who agreed to nothing


@pytest.mark.parametrize("seed", range(40))
def test_what_is_offered_is_delivered_within_the_limits(seed: int) -> None:
    rng = random.Random(seed)
    given = rng.choice((HEATING, COOLING))
    outdoors = [given["outdoor_c"][0] + rng.uniform(-8, 8) for _ in range(rng.randint(1, 20))]
    device = spec(
        given, outdoor_c=outdoors, room_c=given["wished_c"] + rng.uniform(-1.2, 1.2), rated_w=rng.choice((1_500, 3_000)),
        capacity_wh_per_k=rng.choice((800, 4_000, 15_000)), returns_h=rng.choice((0.5, 2)),
    )  # fmt: skip
    slots, slot_s = rng.randint(1, 10), rng.choice((300, 900, 1_800, 2_700))
    asked = ask(
        rng.choice((DOWN, UP)), tuple(rng.choice((0, 400, 1_500, 9_000)) for _ in range(slots)),
        T0 + timedelta(minutes=rng.randint(0, 300)), slot_s,
    )  # fmt: skip
    answer = build_device(device).flexibility(asked)
    assert all(0 <= power <= want for power, want in zip(answer.power_w, asked.power_w, strict=True))
    assert all(most >= power for power, most in zip(answer.power_w, answer.available_w, strict=True))
    alone, follows = build_driver(device), build_driver(device)
    assert isinstance(alone, SimulatedDriver)
    assert isinstance(follows, SimulatedDriver)
    for slot, power in enumerate(answer.power_w):
        start, end = asked.period.slot_start(slot), asked.period.slot_start(slot + 1)
        alone.advance(end)
        if power:
            follows.set_power(answer.schedule_w[slot] + asked.direction.sign * power, start, end)
        energy_wh = follows.measure(start, end).energy_wh
        assert energy_wh is not None
        if power:
            baseline_wh = answer.schedule_w[slot] * slot_s / 3_600
            wanted_wh = baseline_wh + asked.direction.sign * power * slot_s / 3_600
            assert energy_wh == pytest.approx(wanted_wh, abs=1.0)
        now_c, alone_c = room_c(follows), room_c(alone)
        assert min(device.least_c, alone_c) - 0.01 <= now_c <= max(device.most_c, alone_c) + 0.01


@pytest.mark.parametrize(
    ("changes", "slots"),
    [
        ({"outdoor_c": [-10.0, 14.0], "least_c": 20.5}, 1),  # it turns within the slot
        ({"outdoor_c": [2.0] * 4 + [-6.0], "least_c": 20.5, "rated_w": 1_500}, 2),  # too weak for the night
    ],
)
def test_room_is_within_comfort_inside_slots_and_afterwards(changes: dict[str, Any], slots: int) -> None:
    device = spec(**changes)
    asked = ask(DOWN, (1_500,) * slots, slot_s=3_600)
    answer = build_device(device).flexibility(asked)
    follows, alone = build_driver(device), build_driver(device)
    assert isinstance(follows, SimulatedDriver)
    assert isinstance(alone, SimulatedDriver)
    for slot, power in enumerate(answer.power_w):
        start, end = asked.period.slot_start(slot), asked.period.slot_start(slot + 1)
        follows.set_power(answer.schedule_w[slot] - power, start, end)
    assert answer.power_w[0] < 1_000
    for half_hour in range(1, 14):
        at = T0 + half_hour * timedelta(minutes=30)
        follows.advance(at)
        alone.advance(at)
        assert room_c(follows) >= min(device.least_c, room_c(alone)) - 0.01


def test_other_events_are_counted_and_not_undone() -> None:
    device = build_device(spec())
    held = (Segment(T0, T0 + timedelta(hours=3), -900),)
    later = ask(DOWN, (1_400,) * 4, T0 + timedelta(hours=3), reserved=held)
    free = ask(DOWN, (1_400,) * 4, T0 + timedelta(hours=3))
    assert sum(device.flexibility(later).power_w) < sum(device.flexibility(free).power_w)
    opposite = ask(UP, (500,) * 2, T0, reserved=held)
    assert device.flexibility(opposite).binding == (Restriction.COMMITTED,) * 2
    beside = device.flexibility(ask(DOWN, (900, 900), T0, reserved=held))
    assert all(power <= 501 for power in beside.power_w)
    assert beside.schedule_w == (500, 500)


@pytest.mark.parametrize("rest_s", [1, 23, 600])
def test_event_beside_another_one_stands_on_its_course_and_within_the_power(rest_s: int) -> None:
    """The other one has cooled the room; it ends within the slot."""
    device = build_device(spec(room_c=20.2, rated_w=1_500))
    held = (Segment(T0 - timedelta(hours=1), T0 + timedelta(minutes=30), -200, 1_400),)
    asked = ask(DOWN, (300,), T0 + timedelta(seconds=rest_s), reserved=held)
    answer = device.flexibility(asked)
    first, last = course = device.lay_out(asked, answer.schedule_w, answer.power_w)
    assert (answer.power_w, first.own_w) == ((300,), 1_400)
    assert answer.schedule_w[0] == pytest.approx(1_200 + 300 * rest_s / 1_800, abs=1)
    assert [one.power_w for one in course] == [-300, -300]
    assert last.own_w is not None
    assert 300 <= last.own_w <= 1_500


def test_reading_of_the_store_is_a_temperature() -> None:
    device = spec(COOLING)
    room = Room(device)
    driver = build_driver(device)
    reading = driver.measure(T0, T0)
    assert isinstance(driver, SimulatedDriver)
    assert reading.soc_wh == round(stored_wh(room, 0.0))
    climate = Climate(device)
    climate.observe(Measured("pump", T0 + timedelta(hours=1), reading.soc_wh))
    assert climate.spec.room_c == pytest.approx(25.0, abs=0.01)


def test_simulated_room_lives_through_a_restart() -> None:
    first, second = build_driver(spec()), build_driver(spec())
    first.set_power(0, T0, T0 + timedelta(hours=2))
    first.measure(T0, T0 + timedelta(hours=1))
    memory = driver_memory(first)
    assert memory is not None
    remember_driver(second, memory)
    at = T0 + timedelta(hours=5)
    assert second.measure(T0, at) == first.measure(T0, at)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"least_c": 22}, "wished_c has to lie between least_c and most_c"),
        ({"comfort_steps_k": [2, 1]}, "comfort_steps_k has to begin with the mildest step"),
        ({"kind": "climat"}, r"devices\[0\].kind: there is no 'climat' \(did you mean climate\?\); there are vehicle, storage, solar, load, climate"),
        ({"rated": 3}, r"devices\[0\].rated: there is no such key \(did you mean rated_w\?\)"),
        ({"rated_w": "x"}, r"devices\[0\].rated_w: input should be a valid integer"),
    ],
)  # fmt: skip
def test_mistake_is_one_sentence(changes: dict[str, Any], text: str) -> None:
    home = {"name": "h", "parent": "ra", "devices": [HEATING | changes]}
    with pytest.raises(ConfigError, match=text):
        checked(DerSettings, home, "x")


def test_settings_survive_as_json() -> None:
    home = checked(DerSettings, {"name": "h", "parent": "ra", "devices": [HEATING]}, "x")
    again = DerSettings.model_validate_json(home.model_dump_json(exclude_none=True))
    assert again == home
    assert isinstance(again.devices[0], ClimateSpec)


def test_what_it_draws_in_a_slot_lies_between_what_both_weathers_need() -> None:
    device = Climate(spec(outdoor_c=[9.0, 0.0], outdoor_at=T0))
    across = ask(DOWN, (0, 0), T0 + timedelta(minutes=15))
    schedule_w = device.flexibility(across).schedule_w
    assert device.ranges_w(across, schedule_w) == ((800, 1_400), (1_400, 1_400))


def test_beside_another_event_it_draws_what_that_one_leads_it_to() -> None:
    device, end = Climate(spec()), T0 + timedelta(minutes=30)
    held = (Segment(T0, end, -400, 1_400),)
    led, (low_w, high_w) = device.ranges_w(ask(UP, (0, 0), reserved=held), (1_000, 1_400))
    assert led == (1_000, 1_000)
    assert 1_400 < low_w < high_w  # it makes up for what it gave

"""Inside a slot homes tell what has flowed so far: who gives less is noticed and mended before the slot's end; what is
settled are the slots' own values."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from checker import violations
from worlds import START, T0, Story, World, battery

from agents.drivers.build import build_drivers
from agents.history.line import NoteLine
from agents.history.narrate import words
from agents.negotiation.parent import ParentParty
from agents.parties.memory import memory_of, remember
from agents.runtime.build import build_actor
from agents.settings.devices import SolarSpec
from broker.bus import Post
from broker.chance import Faults
from broker.stepper import Stepper
from protocol import messages as m
from protocol.actor import Cancel, Decided, Driver, Measured, Received
from protocol.codec import decode_body, encode
from protocol.entries import encode_effects
from protocol.units import Direction

MINUTE = timedelta(minutes=1)


@dataclass
class FailingDriver:
    """Of a device that from an instant on moves by a share of what it is told only: its set-points count from 0 W."""

    driver: Driver
    from_at: datetime
    pct: int

    def set_power(self, power_w: int | None, at: datetime, until: datetime) -> None:
        if power_w is None or until <= self.from_at:
            self.driver.set_power(power_w, at, until)
            return
        if at < self.from_at:
            self.driver.set_power(power_w, at, self.from_at)
        self.driver.set_power(power_w * self.pct // 100, max(at, self.from_at), until)

    def measure(self, from_at: datetime, until: datetime) -> Measured:
        return self.driver.measure(from_at, until)


@dataclass
class FailingWorld(World):
    """A world in which some homes give less than they are told from an instant on."""

    failing: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    def _party(self, build: Callable[[], Any], *given: Any) -> Any:
        party = super()._party(build, *given)
        if party.actor.name in self.failing:
            at, pct = self.failing[party.actor.name]
            party.drivers = {name: FailingDriver(driver, at, pct) for name, driver in party.drivers.items()}
        return party


def evening(
    telemetry_s: int | None = 60, *, failing: dict[str, tuple[datetime, int]] | None = None, reliability_pct: int = 50
) -> FailingWorld:
    """Four homes of 5 kW; 10 kW are asked in two slots, and all hold offers of as much again."""
    world = FailingWorld(failing=failing or {})
    homes = [world.home(f"h{i}", "ra-1", battery(f"b{i}"), battery(f"c{i}", 1_000)) for i in range(4)]
    world.aggregator("ra-1", homes, capacity_w=6_000, scale_w=24_000)
    world.aggregators = [
        one.model_copy(
            update={
                "members": tuple(
                    replace(member, reliability_pct=reliability_pct, telemetry_s=telemetry_s) for member in one.members
                )
            }
        )
        for one in world.aggregators
    ]
    world.event(10_000, 10_000)
    return world


def played(world: World, faults: Faults | None = None, *orders: tuple[datetime, str, object]) -> Story:
    simulation = world.build(faults=faults)
    for at, name, order in orders:
        simulation.give(at, name, order)
    simulation.run()
    return Story(simulation, world)


def interim(story: Story, home: str | None = None) -> list[m.Report]:
    return [one for one in story.sent("report", home) if isinstance(one, m.Report) and one.so_far]


def delivered(story: Story, who: str = "utility") -> tuple[Any, Any]:
    note = story.notes("settled" if who == "utility" else "delivered", who)[-1]
    return note.data["delivered_wh"], note.data["awarded_wh"]


def test_home_tells_so_often_as_its_contract_says_and_only_to_who_asked() -> None:
    story = played(evening(300))
    told = interim(story, "h0")
    assert [(one.slot, one.measured_at) for one in told] == [
        (slot, START + slot * 30 * MINUTE + minutes * MINUTE) for slot in (0, 1) for minutes in (5, 10, 15, 20, 25)
    ]
    assert [one.energy_wh for one in told[:3]] == pytest.approx([-208, -416, -625], abs=5)
    assert {post.topic for _, _, post in story.simulation.posts if b'"measured_at"' in post.payload} == {
        f"dr/report/ra-1/h{i}" for i in range(4)
    }
    assert violations(story.simulation.trace) == []


def test_nobody_is_asked_whose_contract_does_not_say_it_and_no_byte_is_another_one() -> None:
    story = played(evening(None))
    assert interim(story) == []
    assert all(b"telemetry" not in post.payload for _, _, post in story.simulation.posts)


def test_what_is_settled_is_the_same_with_and_without() -> None:
    assert delivered(played(evening(60))) == delivered(played(evening(None))) == (10_000, 10_000)
    assert delivered(played(evening(60)), "ra-1") == (10_000, 10_000)


@pytest.mark.parametrize("pct", [0, 40])
def test_who_gives_less_is_replaced_inside_the_slot(pct: int) -> None:
    failing = {"h0": (START + 5 * MINUTE, pct)}
    with_it, without = played(evening(60, failing=failing)), played(evening(None, failing=failing))
    first = with_it.notes("gives_so_far", "ra-1")[0]
    assert (first.data["child"], first.data["slot"]) == ("h0", 0)
    replaced = [at for at, who, note in with_it.simulation.notes if note.name == "replaced" and who == "ra-1"]
    assert START + 5 * MINUTE < replaced[0] < START + 9 * MINUTE
    lost_wh = 10_000 - delivered(without)[0]
    assert 10_000 - delivered(with_it)[0] < lost_wh / 2
    assert delivered(with_it)[0] <= 10_500
    assert violations(with_it.simulation.trace) == []


def test_what_nobody_can_replace_is_stated_inside_the_slot() -> None:
    world = evening(60, failing={"h0": (START + 5 * MINUTE, 0)})
    world.events.clear()
    world.event(24_000, 24_000)
    story = played(world)
    stated = [at for at, who, note in story.simulation.notes if note.name == "shortfall_stated" and who == "ra-1"]
    assert START + 5 * MINUTE < stated[0] < START + 9 * MINUTE
    assert story.sent("withdraw", "ra-1")[0].cause == "less_metered"


def test_provisional_is_told_as_provisional() -> None:
    story = played(evening(60, failing={"h0": (START + 5 * MINUTE, 0)}))
    at, who, note = next(one for one in story.simulation.notes if one[2].name == "gives_so_far")
    assert words(NoteLine.of(at, who, note)).startswith("provisional: ")


def test_home_that_gives_again_is_believed_again_by_the_slots_own_value() -> None:
    story = played(evening(60))
    actor = story.simulation.actor("ra-1")
    assert isinstance(actor, ParentParty)
    assert actor.events["e1"].delivery.watch.gives_pct == {}
    assert story.notes("gives_so_far") == []


def lost(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
    return [] if b'"measured_at"' in post.payload else [(post, timedelta())]


def late(sender: str, post: Post) -> list[tuple[Post, timedelta]]:
    return [(post, 7 * MINUTE if b'"measured_at"' in post.payload else timedelta())]


@pytest.mark.parametrize("way", [lost, late])
def test_value_that_is_late_or_lost_says_nothing(way: Any) -> None:
    failing = {"h0": (START + 5 * MINUTE, 0)}
    world, without = evening(60, failing=failing), played(evening(None, failing=failing))
    world.intercepts = {f"h{i}": way for i in range(4)}
    story = played(world)
    assert story.notes("gives_so_far") == []
    assert delivered(story) == delivered(without)


def test_cancelled_and_withdrawn_homes_tell_nothing_more() -> None:
    story = played(
        evening(60),
        None,
        (START + 10 * MINUTE, "h0", Decided("e1", False)),
        (START + 20 * MINUTE, "utility", Cancel("e1")),
    )
    assert max(one.measured_at for one in interim(story, "h0")) <= START + 10 * MINUTE  # type: ignore[type-var]
    assert max(one.measured_at for one in interim(story)) <= START + 20 * MINUTE  # type: ignore[type-var]
    assert violations(story.simulation.trace) == []


@pytest.mark.parametrize("number", range(4))
def test_lossy_bus_changes_nothing_of_what_is_settled_beyond_what_flowed(number: int) -> None:
    simulation = evening(60, failing={"h0": (START + 5 * MINUTE, 20)}).build(number, Faults(loss_pct=5))
    simulation.run()
    assert violations(simulation.trace) == []


@pytest.mark.parametrize("name", ["ra-1", "h0"])
@pytest.mark.parametrize("stop", [None, 12])
def test_journal_without_what_changed_nothing_is_taken_again(name: str, stop: int | None) -> None:
    world = evening(60, failing={"h0": (START + 5 * MINUTE, 40)})
    story = played(world)
    kept = [one for one in story.simulation.trace if one.actor == name]
    settings = next(one for one in (*world.homes, *world.aggregators) if one.name == name)
    drivers = dict(story.simulation.nodes[name].stepper.drivers) if name == "ra-1" else build_failing(world, settings)
    stepper = Stepper(build_actor(settings), drivers)
    for entry in kept:
        if stop is not None and entry.at >= START + stop * MINUTE:
            other = build_actor(settings)
            remember(other, memory_of(stepper.actor))
            stepper.actor, stop = other, None
        stepper.fold_bytes(entry.at, entry.input, encode_effects(entry.effects), devices_too=True)
    assert len(interim(story)) > 100
    heard = [one.input for one in kept if isinstance(one.input, Received) and isinstance(one.input.message, m.Report)]
    assert sum(one.message.so_far for one in heard) < 15  # type: ignore[attr-defined]


def build_failing(world: FailingWorld, settings: Any) -> dict[str, Any]:
    at, pct = world.failing[settings.name]
    return {name: FailingDriver(driver, at, pct) for name, driver in build_drivers(settings).items()}


@pytest.mark.parametrize(
    "wrong",
    [
        {"measured_at": None},
        {"energy_wh": None},
        {"baseline_wh": None},
        {"slot": None, "state": None},
        {"readings": [{"slot": 0, "energy_wh": 1, "baseline_wh": 0, "soc_wh": None, "state": "active"}]},
    ],
)
def test_half_of_it_is_no_message(wrong: dict[str, Any]) -> None:
    (one, *_) = interim(played(evening(300)))
    plain = m.Report.model_validate(one.model_dump() | {"power_w": -10})
    assert decode_body("report", encode(plain)) == plain
    with pytest.raises(ValueError, match="validation error"):
        m.Report.model_validate(plain.model_dump() | wrong)


@pytest.mark.parametrize(
    "changed",
    [
        {"energy_wh": -(10**9)},
        {"slot": 1},
        {"measured_at": START - MINUTE},
        {"measured_at": START + 60 * MINUTE},
        {"request_id": "e1.9.9"},
        {"slot": 300},
    ],
)
def test_what_cannot_be_changes_nothing(changed: dict[str, Any]) -> None:
    world = evening(60)
    simulation = world.build()
    simulation.run(until=START + 8 * MINUTE)
    now = simulation.now
    first = interim(Story(simulation, world), "h0")[0]
    fields = {"measured_at": now, "energy_wh": 0, "message_id": "x"} | changed
    simulation.publish(now, "h0", Post("dr/report/ra-1/h0", encode(first.model_copy(update=fields))))
    simulation.run()
    story = Story(simulation, world)
    assert story.notes("gives_so_far") == []
    assert delivered(story) == (10_000, 10_000)


def sunny(*forecast_w: int) -> World:
    """A plant whose slots of an hour get brighter (or darker) in their middle is asked to curtail, and tells of it."""
    world = World()
    plant = SolarSpec(
        kind="solar", resource_id="pv", forecast_w=forecast_w, forecast_at=T0, export_limit_w=9_000, forecast_repeats=True
    )  # fmt: skip
    home = world.home("h", "ra-1", plant)
    world.aggregator("ra-1", [home], capacity_w=6_000, scale_w=6_000)
    world.aggregators = [
        one.model_copy(update={"members": tuple(replace(member, telemetry_s=60) for member in one.members)})
        for one in world.aggregators
    ]
    world.event(3_000, 3_000, direction=Direction.INCREASE_LOAD, slot_s=3_600)
    return world


@pytest.mark.parametrize("forecast_w", [(1_000, 5_000), (0, 6_000), (5_000, 1_000), (3_000, 3_000)])
def test_plant_in_whose_slot_it_gets_brighter_is_not_taken_for_one_that_gives_less(forecast_w: tuple[int, int]) -> None:
    story = played(sunny(*forecast_w))
    assert delivered(story) == (6_000, 6_000)
    assert [story.notes(name) for name in ("gives_so_far", "gives_less", "shortfall_stated")] == [[], [], []]


def test_what_is_found_of_a_whole_slot_is_not_of_its_dark_half_as_of_the_bright_one() -> None:
    world = sunny(1_000, 5_000)
    world.event(
        1_000, event_id="e0", issue_at=T0 + MINUTE, start=START - 30 * MINUTE, direction=Direction.INCREASE_LOAD
    )
    story = played(world)
    assert story.notes("gives_so_far") == []
    assert {note.event_id: note.data["delivered_wh"] for note in story.notes("settled", "utility")} == {
        "e0": 500, "e1": 6_000,
    }  # fmt: skip

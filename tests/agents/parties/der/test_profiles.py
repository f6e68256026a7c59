"""What a home with several devices, or behind a connection point, could give in the shapes that are wanted."""

from datetime import timedelta

import pytest
from asked import request
from checker import violations
from worlds import START, T0, World, battery, vehicle

from agents.devices.catalogue import build_device
from agents.parties.der.actor import Der
from agents.parties.der.home import Home
from agents.settings.connection import ConnectionPoint
from agents.settings.devices import DeviceSpec, LoadSpec
from agents.settings.parties import PATENT_LADDER, DerSettings, Rung
from protocol import messages as m
from protocol.actor import Received, Send
from protocol.codec import encode
from protocol.edges import Edge
from protocol.messages import IntervalPeriod, WantedProfile, WantedProfiles
from protocol.plan import Plan, covers, total
from protocol.units import Direction

SLOTS = 4
PERIOD = IntervalPeriod(start=START, duration=timedelta(minutes=30))
FALLING, RISING = (4, 3, 2, 1), (1, 2, 3, 4)
SHAPES = WantedProfiles(
    shapes=(
        WantedProfile(even=True, weights=(1,) * SLOTS),
        WantedProfile(weights=FALLING),
        WantedProfile(weights=RISING),
    )
)
CAR = vehicle("car", soc_wh=11_000, departure_soc_wh=8_000, max_charge_w=4_000, max_discharge_w=4_000)
WALL = battery("wall", power_w=3_000, soc_wh=3_000)


def home(*specs: DeviceSpec, connection: ConnectionPoint | None = None) -> Home:
    return Home([build_device(spec) for spec in specs], connection=connection)


def told(of: Home) -> tuple[Plan, ...]:
    found = of.profiles(Direction.DECREASE_LOAD, PERIOD, {}, SHAPES)
    assert found is not None
    return found.offered.power_w


def weighed(plan: Plan, weights: Plan) -> int:
    return sum(power * weight for power, weight in zip(plan, weights, strict=True))


def test_two_devices_give_together_what_each_gives_at_best() -> None:
    both, alone = told(home(CAR, WALL)), [told(home(CAR)), told(home(WALL))]
    assert both[1:] == tuple(
        total([first[place], second[place]], SLOTS) for place in (1, 2) for first, second in [alone]
    )


def test_two_devices_give_whole_profiles_and_one_gives_any_mix() -> None:
    mixable = [
        found.offered.mixable
        for of in (
            home(CAR),
            home(CAR, WALL),
            home(CAR, connection=ConnectionPoint(import_limit_w=20_000, export_limit_w=9_000)),
        )
        if (found := of.profiles(Direction.DECREASE_LOAD, PERIOD, {}, SHAPES)) is not None
    ]
    assert mixable == [True, False, False]


def test_connection_point_lets_no_more_through_in_any_shape() -> None:
    free, held = (
        told(home(CAR, WALL)),
        told(home(CAR, WALL, connection=ConnectionPoint(import_limit_w=20_000, export_limit_w=2_500))),
    )
    assert max(map(max, free)) > 2_500
    assert max(map(max, held)) <= 2_500
    assert weighed(held[1], FALLING) > weighed(held[2], FALLING)
    assert weighed(held[2], RISING) > weighed(held[1], RISING)


def test_home_none_of_whose_devices_knows_shapes_tells_one_profile() -> None:
    tank = LoadSpec(
        kind="load", resource_id="tank", rated_w=2_000, schedule_w=500, store_wh=4_000, level_wh=2_000, state_at=T0
    )
    assert home(tank).profiles(Direction.DECREASE_LOAD, PERIOD, {}, SHAPES) is None


@pytest.mark.parametrize("connection", [None, ConnectionPoint(import_limit_w=20_000, export_limit_w=5_000)])
def test_profile_of_several_devices_that_is_awarded_is_given_device_by_device(
    connection: ConnectionPoint | None,
) -> None:
    """Two homes whose cars leave after half of the slots, and two whose cars stay."""
    world = World(coordinator={"max_rerequests": 0})
    homes = [
        world.home(
            f"h-{n}",
            "ra-1",
            vehicle(
                f"ev-{n}", soc_wh=11_000, departure_soc_wh=8_000, max_charge_w=4_000, max_discharge_w=4_000,
                departs_at=START + timedelta(hours=1 if n % 2 else 9),
            ),
            battery(f"wall-{n}", power_w=1_000, soc_wh=2_000),
            connection=connection,
        )
        for n in range(4)
    ]  # fmt: skip
    world.aggregator("ra-1", homes, capacity_w=5_000, ladder=(Rung.PLAN, *PATENT_LADDER), over_request=False)
    world.event(*[6_600] * SLOTS)
    story = world.run()
    assert story.note("event_awarded", "utility").data["power_w"] == (6_600,) * SLOTS
    assert story.notes("plan_found", "ra-1")
    awarded_wh, delivered_wh = story.settled_wh()
    assert delivered_wh == pytest.approx(awarded_wh, abs=2 * SLOTS)
    assert violations(story.simulation.trace) == []
    awards = [one for one in story.sent("award", "ra-1") if isinstance(one, m.Award) and any(one.power_w)]
    offers = {offer.message_id: offer for offer in story.sent("offer") if isinstance(offer, m.Offer)}
    assert any(not covers(offers[award.accepts or ""].power_w, award.power_w) for award in awards)
    assert story.sent("withdraw") == []


def test_award_that_is_cut_from_a_mix_with_an_earlier_round_is_no_raise() -> None:
    """The mix is more than the offer of the newest round in its first slots, and so is what is left of it."""
    der = Der(DerSettings(name="h", parent="ra", devices=(CAR,)))

    def hear(message: m.Message) -> list[m.Message]:
        effects = der.receive(Received(Edge("ra", "h"), message, encode(message)), T0 + timedelta(minutes=1))
        return [effect.message for effect in effects if isinstance(effect, Send)]

    def ask(round_: int, *asked_w: int) -> m.Offer:
        shapes = WantedProfiles(shapes=(WantedProfile(weights=tuple(min(1, w) for w in asked_w)),))
        (offer,) = hear(
            request(*asked_w, message_id=f"r.{round_}", request_id=f"e1.{round_}", round=round_, profiles=shapes)
        )
        assert isinstance(offer, m.Offer)
        return offer

    def award(revision: int, *power_w: int) -> m.Confirm:
        (confirm,) = hear(
            m.Award(
                message_id=f"award.{revision}", sent_at=T0, event_id="e1", request_id="e1.2", round=2, revision=revision,
                award_id="a.e1", accepts=second.message_id, outcome=m.Outcome.CONCLUDED, power_w=power_w,
                confirm_by=START - timedelta(minutes=10),
            )
        )  # fmt: skip
        assert isinstance(confirm, m.Confirm)
        return confirm

    first, second = ask(1, 4_000, 0), ask(2, 0, 4_000)
    assert not covers(second.power_w, (1_000, 0))
    mix = tuple((a + b) // 2 for a, b in zip(first.power_w, second.power_w, strict=True))
    assert award(1, *mix).accepted
    assert award(2, mix[0] - 100, mix[1]).accepted
    assert not award(3, mix[0] + 5_000, mix[1]).accepted
